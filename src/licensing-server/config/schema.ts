import Type from 'typebox'
import { folderPath, host, Log, operations, strict, Tls, wholeNumber } from '../../config/fields.ts'

/**
 * The licensing server's configuration: the one source of its types, its defaults, its checks, its flags
 * (`--listen.port`), its environment variables (`LICENSING_SERVER_LISTEN_PORT`) and its documentation.
 */

const Listen = Type.Object(
  {
    host: host('Address of API and page. Beyond loopback only with tls or trustedProxies.'),
    port: wholeNumber(7790, 0, 65_535, 'TCP port of API and page; 0 takes a free one.'),
    tls: Type.Union([Tls, Type.Null()], {
      default: null,
      expects: "a map with 'certFile' and 'keyFile', or null",
      description: 'Certificate and key for TLS, or null. SIGHUP reads the files again.',
    }),
    trustedProxies: Type.Array(
      Type.String({
        pattern: '^[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?$',
        expects: "an address or a network such as '10.0.0.0/8'",
      }),
      {
        default: [],
        maxItems: 64,
        expects: 'a list of at most 64 addresses or networks',
        description: 'Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.',
      },
    ),
  },
  strict,
)

const Authority = Type.Object(
  {
    directory: folderPath(
      '/var/lib/licensing-server/authority',
      'Folder that `licensing-server init` made; its root key is not needed here.',
    ),
  },
  strict,
)

const Ledger = Type.Object(
  {
    location: Type.String({
      default: '/var/lib/licensing-server/ledger.sqlite',
      pattern: '^(/|postgres(ql)?://).+$',
      maxLength: 4096,
      expects: "the absolute path of a SQLite file, or a URL such as 'postgres://licensing@db/licensing'",
      description: 'Where the ledger is kept. Servers that share work share a PostgreSQL database.',
    }),
    connections: wholeNumber(10, 1, 1000, 'Most connections to PostgreSQL at one time.'),
    timeoutMs: wholeNumber(10_000, 100, 600_000, 'How long the ledger may take to answer.'),
  },
  strict,
)

const Page = Type.Object(
  {
    enabled: Type.Boolean({
      default: true,
      expects: 'true or false',
      description: 'Whether the manual-activation page is served.',
    }),
    vendor: Type.Union([Type.String({ minLength: 1, maxLength: 80 }), Type.Null()], {
      default: null,
      expects: 'a name of at most 80 characters, or null',
      description: "The vendor's name as the page shows it, or null.",
    }),
  },
  strict,
)

function quota(burst: number, perHour: number, what: string) {
  return Type.Object(
    {
      burst: wholeNumber(burst, 1, 1_000_000, `${what}: as many may come at once.`),
      perHour: wholeNumber(perHour, 1, 100_000_000, `${what}: as many may come in an hour, evenly.`),
    },
    strict,
  )
}

const Limits = Type.Object(
  {
    perAddress: quota(300, 20_000, 'Requests from one address (IPv6: one /64)'),
    perKey: quota(100, 3600, 'Requests with one installation key, or of one machine'),
    wrongKeys: quota(10, 60, 'Wrong installation keys from one address'),
    maxTracked: wholeNumber(
      100_000,
      100,
      10_000_000,
      'Most addresses, and most keys, that are counted at one time.',
    ),
  },
  strict,
)

const Bounds = Type.Object(
  {
    maxBodyBytes: wholeNumber(65_536, 32_768, 1_048_576, 'Longest body that is read.'),
    maxHeaderBytes: wholeNumber(8192, 2048, 65_536, 'Longest headers that are read.'),
    requestTimeoutMs: wholeNumber(15_000, 100, 600_000, 'Time in which a whole request must have arrived.'),
    idleTimeoutMs: wholeNumber(30_000, 100, 600_000, 'Time after which an idle connection is closed.'),
    maxConnections: wholeNumber(5000, 1, 1_000_000, 'Most connections at one time.'),
  },
  strict,
)

const Shutdown = Type.Object(
  {
    drainMs: wholeNumber(
      500,
      0,
      600_000,
      'Time between /readyz saying no and the last connection being taken.',
    ),
    closeMs: wholeNumber(10_000, 0, 600_000, 'Time that requests have to end before they are cut off.'),
  },
  strict,
)

export const ConfigSchema = Type.Object(
  {
    listen: Listen,
    operations: operations(7791),
    authority: Authority,
    ledger: Ledger,
    page: Page,
    limits: Limits,
    bounds: Bounds,
    shutdown: Shutdown,
    log: Log,
  },
  strict,
)

/** The whole configuration after all sources were merged and checked. */
export type Config = Type.Static<typeof ConfigSchema>

export type TlsFiles = Type.Static<typeof Tls>
