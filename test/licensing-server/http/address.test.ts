import t from 'tap'
import { addressGroup } from '../../../src/licensing-server/http/address.ts'

t.test('what requests are counted by', async t => {
  const groups = {
    '192.0.2.1': '192.0.2.1',
    '::ffff:192.0.2.1': '192.0.2.1',
    '::FFFF:c000:0201': '192.0.2.1',
    '2001:db8:1:2:3:4:5:6': '2001:db8:1:2::/64',
    '2001:0DB8:0001:0002::1': '2001:db8:1:2::/64',
    '2001:db8::1': '2001:db8:0:0::/64',
    '2001:db8::5:0:0:0:1': '2001:db8:0:5::/64',
    '::1': '0:0:0:0::/64',
    '::': '0:0:0:0::/64',
    'fe80::1%eth0': 'fe80:0:0:0::/64',
    '': 'unknown',
    unknown: 'unknown',
    '192.0.2.1:4711': 'unknown',
    '[2001:db8::1]': 'unknown',
    "'; drop table": 'unknown',
  }
  for (const [address, group] of Object.entries(groups)) t.equal(addressGroup(address), group, address)
})
