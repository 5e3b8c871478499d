import { Fault } from '../../errors.ts'

/** What was found, or a Fault that says where to look. */
export function known<Row>(row: Row | null, what: string, id: string): Row {
  if (row !== null) return row
  throw new Fault(`${what}-unknown`, `There is no ${what} ${id}.`, {
    hint: `Those that there are: \`licensing-server ${what} list\`.`,
  })
}
