import { join } from 'node:path'
import Type from 'typebox'
import {
  filePath,
  filePathOrNull,
  folderPath,
  host,
  Log,
  operations,
  strict,
  Tls,
  wholeNumber,
  wholeNumberOrNull,
} from '../../config/fields.ts'

/**
 * The daemon's configuration: the one source of its types, its defaults, its checks, its flags
 * (`--listen.unix.path`), its environment variables (`SESSIOND_LISTEN_UNIX_PATH`) and its documentation.
 */

/** The longest path that fits into the kernel's `sockaddr_un`, in bytes, without its closing zero. */
export const SOCKET_PATH_MAX_BYTES = 107

const APPLICATION_NAME = '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'

const Unix = Type.Object(
  {
    path: filePath('/run/sessiond/sessiond.sock', 'The Unix socket on which call processes connect.'),
    mode: Type.String({
      default: '0660',
      pattern: '^0[0-7]{3}$',
      expects: "a quoted octal file mode such as '0660'",
      description: 'File mode of the socket: who may write to it may connect.',
    }),
    group: Type.Union([Type.String({ pattern: '^[a-z_][a-z0-9_.-]{0,31}\\$?$' }), Type.Null()], {
      default: null,
      expects: 'the name of a group, or null',
      description: 'Group that owns the socket; null leaves the group of the daemon.',
    }),
  },
  strict,
)

const Operators = Type.Object(
  {
    path: filePathOrNull('The Unix socket of operators, or null for operators.sock in runtimeDirectory.'),
    mode: Type.String({
      default: '0600',
      pattern: '^0[0-7]{3}$',
      expects: "a quoted octal file mode such as '0600'",
      description: 'File mode of that socket: who may write to it may see and release every session.',
    }),
    group: Type.Union([Type.String({ pattern: '^[a-z_][a-z0-9_.-]{0,31}\\$?$' }), Type.Null()], {
      default: null,
      expects: 'the name of a group, or null',
      description: 'Group that owns that socket; null leaves the group of the daemon.',
    }),
  },
  strict,
)

const Tcp = Type.Object(
  {
    enabled: Type.Boolean({
      default: false,
      expects: 'true or false',
      description: 'Whether the daemon also listens on TCP.',
    }),
    host: host('Address to listen on. Beyond loopback only with TLS.'),
    port: wholeNumber(7788, 0, 65_535, 'TCP port; 0 takes a free one.'),
    tokenFile: filePath('/etc/sessiond/token', 'File with the access token that TCP clients must present.'),
    tls: Type.Union([Tls, Type.Null()], {
      default: null,
      expects: "a map with 'certFile' and 'keyFile', or null",
      description: 'Certificate and key for TLS, or null.',
    }),
  },
  strict,
)

const Listen = Type.Object(
  {
    allowedOrigins: Type.Array(
      Type.String({
        pattern: '^[a-z][a-z0-9+.-]*://[^/?#\\s@*A-Z]+$',
        maxLength: 300,
        expects: "an exact origin such as 'https://console.example.com'",
      }),
      {
        default: [],
        maxItems: 64,
        expects: 'a list of at most 64 origins',
        description: 'Exact values of the Origin header that are let in, on every listener.',
      },
    ),
    unix: Unix,
    operators: Operators,
    tcp: Tcp,
  },
  strict,
)

const License = Type.Object(
  {
    file: filePath('/var/lib/sessiond/license.jws', 'The license of this machine.'),
    trustDirectory: folderPath('/etc/sessiond/trust', "Folder of the vendor's root certificates, PEM."),
    revocationFile: filePathOrNull('List of revoked issuing certificates, or null.'),
  },
  strict,
)

const Product = Type.Object(
  {
    version: Type.String({
      default: '5.1',
      pattern: '^[0-9]{1,6}(\\.[0-9]{1,6}){0,3}$',
      expects: "a quoted version such as '5.1'",
      description: 'Installed version of Call Services, which the license must cover.',
    }),
  },
  strict,
)

const LicensingServer = Type.Object(
  {
    url: Type.Union(
      [Type.String({ pattern: '^https?://[^\\s/?#@]+(/[^\\s?#]*)?$', maxLength: 500 }), Type.Null()],
      {
        default: null,
        expects: "an address such as 'https://licensing.example.com', or null",
        description: "The vendor's licensing server, or null where licenses come by hand alone.",
      },
    ),
    caFile: filePathOrNull('Certificates (PEM) that alone are believed to be its authorities, or null.'),
    timeoutMs: wholeNumber(30_000, 100, 600_000, 'Time in which it must have answered.'),
  },
  strict,
)

const Reactivation = Type.Object(
  {
    owner: Type.Enum(['daemon', 'systemd', 'off'], {
      default: 'daemon',
      expects: 'one of daemon, systemd, off',
      description: 'Who reactivates from time to time: the daemon, a timer of systemd, or nobody.',
    }),
    intervalSeconds: wholeNumberOrNull(
      1,
      31_536_000,
      'Time between two reactivations where that is shorter than the license says, or null.',
    ),
  },
  strict,
)

const Machine = Type.Object(
  {
    root: folderPath('/', "Where the machine's own /etc, /sys and /proc are; another place in a container."),
  },
  strict,
)

const Sessions = Type.Object(
  {
    resumeWindowMs: wholeNumber(
      30_000,
      0,
      3_600_000,
      'How long the sessions of a lost connection stay counted and can be resumed.',
    ),
    maxPerClient: wholeNumber(10_000, 1, 1_000_000, 'Sessions that one client may hold.'),
  },
  strict,
)

const Usage = Type.Object(
  {
    warningPercent: wholeNumber(94, 2, 99, 'In use of the limit, in percent, from which use is a warning.'),
    criticalPercent: wholeNumber(97, 2, 99, 'As that, from which use is critical.'),
    clearMarginPercent: wholeNumber(
      3,
      0,
      98,
      'Percentage points below where a state begins to which use must fall for the state to end.',
    ),
    holdSeconds: wholeNumber(60, 0, 86_400, 'How long use must stay there before the state ends.'),
  },
  strict,
)

/** What an application may be told apart from the others; a key that is left out is null. */
export const ApplicationSchema = Type.Object(
  {
    max: wholeNumberOrNull(0, 1_000_000, 'Sessions this application may hold, or null for no own limit.'),
    feature: Type.Union([Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$' }), Type.Null()], {
      default: null,
      expects: 'the name of a licensed feature, or null',
      description: 'Feature that the license must contain for this application, or null.',
    }),
    maxDurationSeconds: wholeNumberOrNull(
      1,
      31_536_000,
      'After this time a session is taken for forgotten and released; null for never.',
    ),
  },
  strict,
)

const Bounds = Type.Object(
  {
    maxFrameBytes: wholeNumber(262_144, 1024, 16_777_216, 'Longest frame that is read.'),
    maxBatchLength: wholeNumber(512, 1, 10_000, 'Most requests in one batch.'),
    maxConnections: wholeNumber(10_000, 1, 1_000_000, 'Most connections at one time.'),
    maxApplications: wholeNumber(1024, 1, 100_000, 'Most application names that are told apart.'),
    maxBufferedBytes: wholeNumber(
      4_194_304,
      65_536,
      1_073_741_824,
      'Replies that may wait for a slow reader before it is closed.',
    ),
    authenticationTimeoutMs: wholeNumber(
      5000,
      100,
      600_000,
      'Time in which a TCP client must present its token.',
    ),
    pingIntervalMs: wholeNumber(30_000, 100, 3_600_000, 'Time between two pings to a client.'),
  },
  strict,
)

const Shutdown = Type.Object(
  { drainMs: wholeNumber(500, 0, 600_000, 'Time between announcing the stop and closing connections.') },
  strict,
)

export const ConfigSchema = Type.Object(
  {
    listen: Listen,
    operations: operations(7789),
    license: License,
    product: Product,
    licensingServer: LicensingServer,
    reactivation: Reactivation,
    machine: Machine,
    stateDirectory: folderPath(
      '/var/lib/sessiond',
      'What must outlive a reboot: machine key, license state.',
    ),
    runtimeDirectory: folderPath('/run/sessiond', 'What ends with a reboot: the journal. Best on tmpfs.'),
    sessions: Sessions,
    usage: Usage,
    applications: Type.Record(Type.String({ pattern: APPLICATION_NAME }), ApplicationSchema, {
      default: {},
      expects: 'a map from application names to their settings',
      entriesOf: 'an application: 1 to 63 of A-Z a-z 0-9 . _ -, not starting with one of . _ -',
      description: 'Settings of single applications, by name.',
    }),
    bounds: Bounds,
    shutdown: Shutdown,
    log: Log,
  },
  strict,
)

/** The whole configuration after all sources were merged and checked. */
export type Config = Type.Static<typeof ConfigSchema>

/** Where operators connect. */
export function operatorsSocketOf({ listen, runtimeDirectory }: Config): string {
  return listen.operators.path ?? join(runtimeDirectory, 'operators.sock')
}

/** Settings of one application. */
export type ApplicationConfig = Type.Static<typeof ApplicationSchema>

export type LogLevel = Config['log']['level']
