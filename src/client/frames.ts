// Requests are put together from templates: on the path of every call, JSON.stringify would cost more than
// everything else that the library does.

const NEEDS_NO_ESCAPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** A string of printable ASCII as JSON. */
export function quote(text: string): string {
  return NEEDS_NO_ESCAPE.test(text) ? `"${text}"` : JSON.stringify(text)
}

/** `key` was checked; an application name never needs escaping. */
export function acquireFrame(id: number, key: string, application: string | undefined): string {
  const named = application === undefined ? '' : `,"application":"${application}"`
  return `{"jsonrpc":"2.0","id":${id},"method":"session.acquire","params":{"key":${quote(key)}${named}}}`
}

export function releaseFrame(id: number, token: string): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"session.release","params":{"token":${quote(token)}}}`
}

export function resumeFrame(id: number, tokens: Iterable<string>): string {
  const list = Array.from(tokens, quote).join(',')
  return `{"jsonrpc":"2.0","id":${id},"method":"session.resume","params":{"tokens":[${list}]}}`
}

/** `params` is JSON that was made once for the life of the client. */
export function helloFrame(id: number, params: string): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"hello","params":${params}}`
}

export function queryFrame(id: number, method: string): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"${method}"}`
}
