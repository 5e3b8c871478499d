import type { Socket } from 'node:net'
import { type HttpProblemCode, httpProblem } from './problems.ts'

/** What is wrong with bytes that never became a request. */
function codeOf({ code }: NodeJS.ErrnoException): HttpProblemCode {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request-timeout'
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers-too-large'
  return 'http-malformed'
}

/** Answers such bytes, where somebody still reads, and closes the connection. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): HttpProblemCode {
  const code = codeOf(error)
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return code
  }
  const { status, title, hint } = { ...httpProblem(code, '') }
  const body = JSON.stringify({ ...httpProblem(code, title), hint, requestId: 'none' })
  socket.end(
    [
      `HTTP/1.1 ${status} ${title.replace(/\.$/, '')}`,
      'Content-Type: application/problem+json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  )
  return code
}
