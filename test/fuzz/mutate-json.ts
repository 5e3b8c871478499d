import type { Random } from './random.ts'

/** Values that programs of every kind tripped over. */
const awkward: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  1,
  0.5,
  1e308,
  -1e308,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  2 ** 53 + 2,
  Number.MAX_SAFE_INTEGER,
  '',
  ' ',
  '0',
  '__proto__',
  'constructor',
  'toString',
  '\u0000',
  '\ud800',
  '\u202e',
  'é',
  '../../etc/passwd',
  '%00',
  '9999-12-31T23:59:59Z',
  '2026-02-30T00:00:00Z',
  '00000000-0000-0000-0000-000000000000',
  'a'.repeat(129),
  'a'.repeat(5000),
  [],
  [null],
  {},
  { '': 1 },
  { length: 1 },
  { toString: 1 },
]

/** A copy: what is put into a document may be changed there. */
function anyAwkward(random: Random): unknown {
  return structuredClone(random.pick(awkward))
}

const oddNames = ['extra', '__proto__x', 'id', 'constructor', 'toJSON2', '', '0']

type Container = Record<string, unknown> | unknown[]

function containersIn(value: unknown, found: Container[] = []): Container[] {
  if (typeof value !== 'object' || value === null) return found
  found.push(value as Container)
  for (const child of Object.values(value)) containersIn(child, found)
  return found
}

function changeOne(container: Container, random: Random): void {
  const keys = Object.keys(container)
  const target = container as Record<string, unknown>
  const key = keys.length === 0 ? 'key' : random.pick(keys)
  switch (random.below(8)) {
    case 0:
      if (Array.isArray(container)) container.splice(Number(key) || 0, 1)
      else delete target[key]
      return
    case 1:
      if (Array.isArray(container)) container.push(anyAwkward(random))
      else target[random.pick([...oddNames, `${key}2`])] = anyAwkward(random)
      return
    case 2:
      target[key] = [target[key]]
      return
    case 3:
      target[key] = { [key]: target[key] }
      return
    case 4:
      if (typeof target[key] === 'number') target[key] = (target[key] as number) + random.between(-2, 2)
      else if (typeof target[key] === 'string') target[key] = editText(target[key] as string, random)
      else target[key] = anyAwkward(random)
      return
    case 5:
      if (keys.length > 1) target[key] = structuredClone(target[random.pick(keys)])
      return
    default:
      target[key] = anyAwkward(random)
  }
}

function editText(text: string, random: Random): string {
  const at = random.below(text.length + 1)
  const put = random.pick(['', ' ', 'x', '\n', '\u0000', '"', '\ud83d', '٣', text])
  return text.slice(0, at) + put + text.slice(at + random.below(3))
}

/** A copy of a JSON value with a few of its parts changed, removed, added or moved. */
export function mutateJson<T>(value: T, random: Random, most = 3): unknown {
  const holder = { value: structuredClone(value) as unknown }
  for (let rounds = random.between(1, most); rounds > 0; rounds--) {
    const containers = containersIn(holder.value)
    if (containers.length === 0 || random.chance(2)) holder.value = anyAwkward(random)
    else changeOne(random.pick(containers), random)
  }
  return holder.value
}

/** JSON text of a value, now and then in an odd spelling: doubled members, escapes, white space. */
export function spellJson(value: unknown, random: Random): string {
  const text = JSON.stringify(value) ?? 'undefined'
  switch (random.below(12)) {
    case 0:
      return text.replace(/"(\w+)":/, (whole, name) => `${whole}null,"${name}":`)
    case 1:
      return text.replace(/[a-z]/, letter => `\\u00${letter.charCodeAt(0).toString(16)}`)
    case 2:
      return JSON.stringify(value, null, '\t') ?? ''
    case 3:
      return `\ufeff${text}`
    case 4:
      return text.replace(/}$/, ',}')
    default:
      return text
  }
}
