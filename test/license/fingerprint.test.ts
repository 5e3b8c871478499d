import fc from 'fast-check'
import { test } from 'tap'
import {
  type FingerprintPart,
  fingerprintIfAny,
  fingerprintOf,
  fingerprintParts,
  type MachineFacts,
  matchFingerprint,
  maxMacs,
  rehearse,
  rehearseChanges,
} from '../../src/license/fingerprint.ts'
import { parameters } from '../property.ts'
import { machineFacts, machineFingerprint } from './setting.ts'

const noFacts: MachineFacts = { machineId: null, productUuid: null, macs: [], cpuModel: null }

test('each fact is kept only as a keyed hash', async t => {
  const text = JSON.stringify(machineFingerprint)
  for (const fact of [machineFacts.machineId!, machineFacts.productUuid!, ...machineFacts.macs, 'EPYC']) {
    t.notMatch(text, fact)
  }
  t.match(machineFingerprint, {
    scheme: 1,
    machineId: /^[\w-]{43}$/,
    productUuid: /^[\w-]{43}$/,
    cpuModel: /^[\w-]{43}$/,
  })
  t.equal(machineFingerprint.macs.length, 2)
  // These digests are in licenses in the field: if they change, every machine becomes another one.
  t.equal(machineFingerprint.machineId, 'A-u7V5F5M_0sImu6ptS66JLykaNBQQSA0bfK6PafHgE')
})

test('spelling does not matter', async t => {
  t.same(
    fingerprintOf({
      machineId: ` ${machineFacts.machineId!.toUpperCase()}\n`,
      productUuid: machineFacts.productUuid!.toUpperCase(),
      macs: ['3C-EC-EF-12-34-57', '3c:ec:ef:12:34:56', '3C:EC:EF:12:34:56'],
      cpuModel: '  AMD EPYC 7302P   16-Core Processor ',
    }),
    machineFingerprint,
  )
})

test('values that firmware was never given count as absent', async t => {
  const uuids = [
    '',
    'Not Settable',
    'Default string',
    'To be filled by O.E.M.',
    'not a uuid',
    'Not Specified',
  ]
  uuids.push('00000000-0000-0000-0000-000000000000', 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF')
  uuids.push('03000200-0400-0500-0006-000700080009')
  for (const productUuid of uuids) t.equal(fingerprintIfAny({ ...noFacts, productUuid }), null, productUuid)
  for (const mac of ['00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', 'hello', '3c:ec:ef:12:34']) {
    t.equal(fingerprintIfAny({ ...noFacts, macs: [mac] }), null, mac)
  }
  for (const machineId of ['', 'uninitialized', '0'.repeat(32)]) {
    t.equal(fingerprintIfAny({ ...noFacts, machineId }), null, machineId)
  }
  t.equal(fingerprintOf({ ...machineFacts, cpuModel: 'Unknown' }).cpuModel, null)
})

test('a machine that cannot be told from others cannot be licensed', async t => {
  t.equal(fingerprintIfAny({ ...noFacts, cpuModel: 'AMD EPYC' }), null, 'many machines share a CPU model')
  t.throws(() => fingerprintOf(noFacts), { code: 'machine-without-facts', hint: /systemd-machine-id-setup/ })
})

test('a machine with very many interfaces', async t => {
  const macs = Array.from(
    { length: 100 },
    (_, index) => `3c:ec:ef:00:00:${index.toString(16).padStart(2, '0')}`,
  )
  t.equal(fingerprintOf({ ...noFacts, macs }).macs.length, maxMacs)
})

test('what the comparison says', async t => {
  const compare = (changes: Partial<MachineFacts>) =>
    matchFingerprint(machineFingerprint, fingerprintOf({ ...machineFacts, ...changes }))
  t.match(compare({}), { matches: true, explanation: 'Every licensed part of this machine is unchanged.' })
  t.match(compare({ macs: ['3c:ec:ef:00:00:01'] }), {
    matches: true,
    parts: [{ status: 'same' }, { status: 'same' }, { part: 'macs', status: 'changed' }, { status: 'same' }],
    explanation: 'This is the licensed machine: one part differs (network interfaces), and one may.',
  })
  t.match(compare({ productUuid: null }), {
    matches: true,
    parts: [{}, { part: 'productUuid', status: 'missing' }],
  })
  t.match(compare({ macs: [] }), { matches: true, parts: [{}, {}, { part: 'macs', status: 'missing' }] })
  t.match(
    compare({ macs: [machineFacts.macs[0]!] }),
    { parts: [{}, {}, { status: 'same' }] },
    'half of the cards',
  )
  t.match(compare({ cpuModel: 'Intel Xeon', productUuid: null }), {
    matches: false,
    explanation: 'This is another machine: 2 parts differ (DMI product UUID, CPU model), and only one may.',
  })
})

test('parts that the license lacks decide nothing', async t => {
  const licensed = fingerprintOf({ ...noFacts, machineId: machineFacts.machineId })
  t.match(matchFingerprint(licensed, machineFingerprint), {
    matches: true,
    parts: [{ status: 'same' }, { status: 'new' }, { status: 'new' }, { status: 'new' }],
  })
  t.same(
    matchFingerprint(licensed, licensed).parts,
    [{ part: 'machineId', status: 'same' }],
    'absent in both',
  )
  const withCpu = fingerprintOf({ ...noFacts, machineId: machineFacts.machineId, cpuModel: 'AMD' })
  const other = fingerprintOf({ ...noFacts, machineId: 'ab'.repeat(16), cpuModel: 'AMD' })
  t.match(matchFingerprint(withCpu, other), {
    matches: false,
    explanation:
      'This is another machine: one part differs (machine-id), and no other in the license tells machines apart.',
  })
})

test('rehearsing a repair', async t => {
  for (const part of fingerprintParts) t.match(rehearse(machineFingerprint, part), { matches: true }, part)
  const single = fingerprintOf({ ...noFacts, machineId: machineFacts.machineId, cpuModel: 'AMD' })
  t.match(rehearse(single, 'machineId'), { matches: false })
  t.match(rehearse(single, 'cpuModel'), { matches: true })
})

const hexDigits = (length: number) =>
  fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`)).filter(text => !/^(.)\1*$/.test(text))
const mac = hexDigits(10).map(digits => `3c:${digits.match(/../g)!.join(':')}`)
const uuid = hexDigits(32).map(
  digits =>
    `${digits.slice(0, 8)}-${digits.slice(8, 12)}-${digits.slice(12, 16)}-${digits.slice(16, 20)}-${digits.slice(20)}`,
)
const machine = fc.record({
  machineId: fc.option(hexDigits(32)),
  productUuid: fc.option(uuid),
  macs: fc.uniqueArray(mac, { maxLength: 6 }),
  cpuModel: fc.option(fc.constantFrom('AMD EPYC', 'Intel Xeon')),
})
const licensable = machine.filter(facts => fingerprintIfAny(facts) !== null)

const strongOf = (facts: MachineFacts) =>
  [facts.machineId, facts.productUuid, facts.macs[0] ?? null].filter(fact => fact !== null).length

/** The same machine with one part replaced by what no other machine of the run has. */
function replace(facts: MachineFacts, part: FingerprintPart): MachineFacts {
  const replacements: MachineFacts = {
    machineId: 'e'.repeat(31).concat('1'),
    productUuid: 'eeeeeeee-eeee-eeee-eeee-eeeeeeeeeee1',
    macs: ['f0:00:00:00:00:01'],
    cpuModel: 'VIA Nano',
  }
  return { ...facts, [part]: replacements[part] }
}

test('properties of the rule', async t => {
  fc.assert(
    fc.property(licensable, facts => matchFingerprint(fingerprintOf(facts), fingerprintOf(facts)).matches),
    parameters(200),
  )
  t.pass('a machine is itself')

  fc.assert(
    fc.property(licensable, fc.constantFrom(...fingerprintParts), (facts, part) => {
      fc.pre(strongOf(facts) >= 2)
      return matchFingerprint(fingerprintOf(facts), fingerprintOf(replace(facts, part))).matches
    }),
    parameters(200),
  )
  t.pass('with two strong parts, any one part may change')

  const noShared = (one: MachineFacts, other: MachineFacts) =>
    one.machineId !== other.machineId &&
    one.productUuid !== other.productUuid &&
    !one.macs.some(address => other.macs.includes(address))
  fc.assert(
    fc.property(licensable, licensable, (one, other) => {
      fc.pre(
        noShared({ ...one, machineId: one.machineId ?? 'x', productUuid: one.productUuid ?? 'x' }, other),
      )
      return !matchFingerprint(fingerprintOf(one), fingerprintOf(other)).matches
    }),
    parameters(200),
  )
  t.pass('another machine never matches')

  fc.assert(
    fc.property(
      licensable,
      fc.constantFrom(...fingerprintParts),
      fc.constantFrom(...fingerprintParts),
      (facts, first, second) => {
        fc.pre(first !== second)
        const given = (part: FingerprintPart) =>
          part === 'macs' ? facts.macs.length > 0 : facts[part] !== null
        fc.pre(given(first) && given(second))
        return !matchFingerprint(fingerprintOf(facts), fingerprintOf(replace(replace(facts, first), second)))
          .matches
      },
    ),
    parameters(200),
  )
  t.pass('two changed parts are another machine')

  fc.assert(
    fc.property(licensable, facts => {
      const turned = { ...facts, macs: [...facts.macs].reverse() }
      t.same(fingerprintOf(turned), fingerprintOf(facts))
    }),
    parameters(30),
  )
  t.pass('the order of interfaces means nothing')

  const complete = fc.record({
    machineId: hexDigits(32),
    productUuid: uuid,
    macs: fc.tuple(mac),
    cpuModel: fc.constant('AMD'),
  })
  fc.assert(
    fc.property(complete, complete, fc.subarray([...fingerprintParts]), (facts, others, shared) => {
      const other = { ...others, ...Object.fromEntries(shared.map(part => [part, facts[part]])) }
      const [one, two] = [fingerprintOf(facts), fingerprintOf(other)]
      return matchFingerprint(one, two).matches === matchFingerprint(two, one).matches
    }),
    parameters(200),
  )
  t.pass('two machines with the same kinds of parts are the same both ways or neither')
})

test('several changes are rehearsed at once, and single interfaces', async t => {
  const [first, second] = machineFingerprint.macs
  const after = (...changes: Parameters<typeof rehearseChanges>[2]) =>
    rehearseChanges(machineFingerprint, machineFingerprint, changes).matches
  t.equal(after(), true)
  t.equal(after('machineId'), true)
  t.equal(after('machineId', { mac: first! }), true, 'half of the interfaces are still there')
  t.equal(after('machineId', { mac: first! }, { mac: second! }), false)
  t.equal(after({ mac: first! }, { mac: second! }), true, 'which is one part')
  t.equal(after('machineId', 'productUuid'), false)
  t.equal(after('cpuModel', 'productUuid'), false)
  // The license is of the machine as it was before its CPU was replaced; then nothing else may change.
  const now = { ...machineFingerprint, cpuModel: machineFingerprint.machineId }
  t.match(rehearseChanges(machineFingerprint, now, []), { matches: true })
  t.match(rehearseChanges(machineFingerprint, now, ['machineId']), { matches: false })
})
