import { readFileSync } from 'node:fs'
import { Fault } from '../errors.ts'

/** Where sessiond listens when nothing else is configured. */
export const DEFAULT_SOCKET_PATH = '/run/sessiond/sessiond.sock'

/** Where the daemon is and how to prove that one may connect. */
export interface Endpoint {
  /** For people and messages. */
  readonly address: string
  readonly url: string
  readonly socketPath: string | undefined
  readonly token: string | undefined
  readonly tokenFile: string | undefined
}

export interface EndpointOptions {
  /** `ws+unix:///run/sessiond/sessiond.sock`, or `ws://127.0.0.1:PORT` together with a token. */
  readonly url?: string
  /** The path of the daemon's Unix socket; by default /run/sessiond/sessiond.sock. */
  readonly socketPath?: string
  /** The access token of the daemon's TCP listener. A wrong one ends the client. */
  readonly token?: string
  /** A file that holds the token. It is read anew for each connection, so the token may be changed. */
  readonly tokenFile?: string
}

/** The longest path of a Unix socket that the kernel takes, in bytes (sun_path of unix(7), less its final zero). */
const MAX_SOCKET_PATH_BYTES = 107

const TOKEN = /^[\x21-\x7e]{1,512}$/

/** Throws a fault with the code `invalid-options` where the options do not say where to connect. */
export function endpointOf(options: EndpointOptions): Endpoint {
  const { url, socketPath, token, tokenFile } = options
  if (url !== undefined && socketPath !== undefined) {
    throw invalidOptions('Both "url" and "socketPath" say where the daemon is.', 'Give one of them.')
  }
  if (token !== undefined && tokenFile !== undefined) {
    throw invalidOptions('Both "token" and "tokenFile" are given.', 'Give one of them.')
  }
  if (token !== undefined && !TOKEN.test(token)) {
    throw invalidOptions('"token" must be 1 to 512 printable characters.', 'Trim what was read from a file.')
  }
  if (url === undefined) return unixEndpoint(socketPath ?? DEFAULT_SOCKET_PATH, token, tokenFile)
  const parsed = URL.parse(url)
  if (parsed?.protocol === 'ws+unix:' && parsed.pathname.length > 1) {
    return unixEndpoint(decodeURIComponent(parsed.pathname), token, tokenFile)
  }
  const isWebSocket = parsed?.protocol === 'ws:' || parsed?.protocol === 'wss:'
  if (
    parsed === null ||
    !isWebSocket ||
    parsed.pathname !== '/' ||
    parsed.hash !== '' ||
    parsed.search !== ''
  ) {
    throw invalidOptions(
      `"url" is not where a daemon can be: ${url}`,
      'Use ws+unix:///path/of/the.sock or ws://127.0.0.1:PORT',
    )
  }
  return { address: parsed.href, url: parsed.href, socketPath: undefined, token, tokenFile }
}

function unixEndpoint(
  socketPath: string,
  token: string | undefined,
  tokenFile: string | undefined,
): Endpoint {
  if (socketPath === '' || Buffer.byteLength(socketPath) > MAX_SOCKET_PATH_BYTES) {
    throw invalidOptions(
      `"socketPath" must be the path of a socket, at most ${MAX_SOCKET_PATH_BYTES} bytes long: ${socketPath}`,
      'Give an absolute path, such as the default /run/sessiond/sessiond.sock',
    )
  }
  return { address: socketPath, url: 'ws://localhost/', socketPath, token, tokenFile }
}

/** The token to present now. Throws a fault where the file that should hold it does not. */
export function readToken(endpoint: Endpoint): string | undefined {
  const { token, tokenFile } = endpoint
  if (tokenFile === undefined) return token
  let text: string
  try {
    text = readFileSync(tokenFile, 'utf8').trim()
  } catch (cause) {
    throw tokenFileFault(`The token file ${tokenFile} cannot be read.`, cause)
  }
  if (!TOKEN.test(text)) throw tokenFileFault(`The token file ${tokenFile} does not hold a token.`, undefined)
  return text
}

export function invalidOptions(message: string, hint: string): Fault {
  return new Fault('invalid-options', message, { hint })
}

function tokenFileFault(message: string, cause: unknown): Fault {
  const hint = 'Check the path and that this user may read it; the daemon writes the file when it starts.'
  return new Fault('unauthenticated', message, { hint, retryable: true, cause })
}
