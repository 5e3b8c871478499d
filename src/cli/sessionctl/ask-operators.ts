import { WebSocket } from 'ws'
import { operatorsSocketOf } from '../../daemon/config/schema.ts'
import { Fault, messageOf } from '../../errors.ts'
import { SUBPROTOCOL } from '../../protocol/codes.ts'
import type { OPERATOR_METHODS, ParamsOf, ResultOf } from '../../protocol/schemas.ts'
import type { Terminal } from '../terminal.ts'
import { type DaemonArgs, findConfig } from './find-daemon.ts'
import { knock } from './reach-daemon.ts'

type OperatorMethod = (typeof OPERATOR_METHODS)[number]

/** As JSON leaves out what is undefined. */
type OrUndefined<T> = { readonly [K in keyof T]: T[K] | undefined }

/** As for every question of a person: see ask-daemon.ts. */
const ANSWER_WITHIN_MS = 20_000

/** The operators' socket: `--socket`, else as the configuration says that is found. */
export function findOperatorsSocket(args: DaemonArgs, terminal: Terminal): string {
  if (args.socket !== undefined) return terminal.resolve(args.socket)
  return operatorsSocketOf(findConfig(args, terminal).config)
}

/**
 * Asks the daemon on its operators' socket, once. The client library is for call processes, so it cannot.
 *
 * @throws {Fault} those of `knock`; `daemon-unreachable`; the error words of docs/PROTOCOL.md
 */
export async function askOperators<M extends OperatorMethod>(
  socket: string,
  method: M,
  params: OrUndefined<ParamsOf<M>>,
): Promise<ResultOf<M>> {
  await knock(socket)
  const ws = new WebSocket(`ws+unix:${socket}:/`, SUBPROTOCOL, { handshakeTimeout: ANSWER_WITHIN_MS })
  try {
    const reply = await exchange(ws, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
    if (reply.error !== undefined) throw refused(socket, reply.error)
    return reply.result as ResultOf<M>
  } finally {
    ws.close()
  }
}

interface Reply {
  readonly result?: unknown
  readonly error?: { readonly message: string; readonly data: { readonly code: string } }
}

async function exchange(ws: WebSocket, request: string): Promise<Reply> {
  const failed = (why: string) =>
    new Fault('daemon-unreachable', `sessiond did not answer: ${why}.`, {
      hint: 'Is it the right socket? Its log says more: journalctl -u sessiond',
      retryable: true,
    })
  return new Promise<Reply>((resolve, reject) => {
    const timer = setTimeout(() => reject(failed('it took too long')), ANSWER_WITHIN_MS)
    const settle = (act: () => void) => {
      clearTimeout(timer)
      act()
    }
    ws.on('open', () => ws.send(request))
    ws.on('message', text => settle(() => resolve(JSON.parse(String(text)) as Reply)))
    ws.on('error', error => settle(() => reject(failed(messageOf(error)))))
    ws.on('close', () => settle(() => reject(failed('it closed the connection'))))
  })
}

function refused(socket: string, { message, data: { code } }: NonNullable<Reply['error']>): Fault {
  if (code === 'method-not-found') {
    return new Fault('daemon-too-old', 'The daemon that runs does not know this yet.', {
      hint: 'Restart it: sudo systemctl restart sessiond',
    })
  }
  const hint =
    code === 'operators-only'
      ? `${socket} is the socket of call processes. Leave out --socket, or name that of operators (listen.operators.path).`
      : 'See docs/PROTOCOL.md.'
  return new Fault(code, message, { hint })
}
