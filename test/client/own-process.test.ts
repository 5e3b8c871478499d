import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readOwnProcess, startTimeOf } from '../../src/client/own-process.ts'

const rest = 'S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 88123 20 21'

t.test('the start time is field 22, wherever the name of the command ends', async t => {
  t.equal(startTimeOf(`4711 (node) ${rest}`), 88123)
  t.equal(startTimeOf(`4711 (a (b) c) ${rest}`), 88123)
  t.equal(startTimeOf(`4711 () S 9 9 9) ${rest}`), 88123)
})

t.test('what is not such a line gives nothing', async t => {
  t.equal(startTimeOf(''), undefined)
  t.equal(startTimeOf('4711 (node) S 1 2'), undefined)
  t.equal(startTimeOf(`4711 (node) ${rest.replace('88123', 'x')}`), undefined)
})

t.test('this process', async t => {
  const own = readOwnProcess()
  t.equal(own?.pid, process.pid)
  const bootedAt = Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1])
  const startedAt = bootedAt + (own?.startTime ?? 0) / 100
  const age = Date.now() / 1000 - startedAt
  t.ok(age > -2 && age < process.uptime() + 3, `it is ${age} s old`)
})

t.test('a machine without /proc, or with one of another kind', async t => {
  const folder = t.testdir({ stat: 'no such line' })
  t.equal(readOwnProcess(join(folder, 'missing')), undefined)
  t.equal(readOwnProcess(join(folder, 'stat')), undefined)
})
