/** A Debian package, by what it brings. Paths on the left are of the project, or made by the build. */
export interface DebianPackage {
  readonly name: 'sessiond' | 'licensing-server'
  readonly programs: readonly string[]
  /** From a file of the project to where it is on a machine. */
  readonly files: Readonly<Record<string, string>>
  /** Folders that are there although nothing is in them. */
  readonly folders: readonly string[]
  /** Manual pages with their sections. */
  readonly manuals: readonly string[]
}

const SYSTEM = '/usr/lib/systemd/system'

/**
 * Two packages: the vendor's server has no business on the machines of customers. Each brings its own Node.js, so
 * that one is upgraded without the other.
 */
export const PACKAGES: readonly DebianPackage[] = [
  {
    name: 'sessiond',
    programs: ['sessiond', 'sessionctl'],
    files: {
      'config/sessiond.yaml': '/etc/sessiond/sessiond.yaml',
      ...units([
        'sessiond.service',
        'sessiond.socket',
        'sessiond-operations.socket',
        'sessiond-tcp.socket',
        'sessiond-license.path',
        'sessiond-license.service',
        'sessiond-reactivate.timer',
        'sessiond-reactivate.service',
      ]),
      'systemd/sessiond.sysusers': '/usr/lib/sysusers.d/sessiond.conf',
      'systemd/sessiond.tmpfiles': '/usr/lib/tmpfiles.d/sessiond.conf',
      'systemd/drop-ins': '/usr/share/doc/sessiond/examples/drop-ins',
      'config/prometheus': '/usr/share/doc/sessiond/examples/prometheus',
      examples: '/usr/share/doc/sessiond/examples/call-processes',
    },
    folders: ['/etc/sessiond/trust'],
    manuals: ['sessiond.8', 'sessionctl.1', 'sessiond.yaml.5'],
  },
  {
    name: 'licensing-server',
    programs: ['licensing-server'],
    files: {
      'config/licensing-server.yaml': '/etc/licensing-server/licensing-server.yaml',
      ...units(['licensing-server.service']),
      'systemd/licensing-server.sysusers': '/usr/lib/sysusers.d/licensing-server.conf',
      'systemd/licensing-server.tmpfiles': '/usr/lib/tmpfiles.d/licensing-server.conf',
    },
    folders: [],
    manuals: ['licensing-server.8', 'licensing-server.yaml.5'],
  },
]

function units(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map(name => [`systemd/${name}`, `${SYSTEM}/${name}`]))
}
