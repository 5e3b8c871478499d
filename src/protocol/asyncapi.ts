import { CLOSE, ERRORS, SUBPROTOCOL, TOKEN_SUBPROTOCOL_PREFIX } from './codes.ts'
import { METHODS, NOTIFICATIONS } from './schemas.ts'

type Json = Record<string, unknown>

const CHANNEL = '#/channels/connection'

/** Under which name a method or notification appears among messages and schemas: `session.acquire` is `SessionAcquire`. */
function pascal(name: string): string {
  return name.replaceAll(/(?:^|\.)(.)/g, (_, letter: string) => letter.toUpperCase())
}

function schema(name: string): Json {
  return { $ref: `#/components/schemas/${name}` }
}

function channelMessage(name: string): Json {
  return { $ref: `${CHANNEL}/messages/${name}` }
}

function envelope(properties: Json, required: readonly string[]): Json {
  return {
    type: 'object',
    required: ['jsonrpc', ...required],
    properties: { jsonrpc: { const: '2.0' }, ...properties },
  }
}

function requestOf(method: string, paramsRequired: boolean): Json {
  const properties = {
    id: schema('RequestId'),
    method: { const: method },
    params: schema(`${pascal(method)}Params`),
  }
  return {
    name: method,
    title: `Request of ${method}`,
    summary: 'Without an id it gets no reply; only session.release may be sent so.',
    payload: envelope(properties, paramsRequired ? ['method', 'params'] : ['method']),
  }
}

function replyOf(method: string): Json {
  const properties = { id: schema('RequestId'), result: schema(`${pascal(method)}Result`) }
  return { name: method, title: `Reply to ${method}`, payload: envelope(properties, ['id', 'result']) }
}

function notificationOf(name: string, topic: string): Json {
  const properties = { method: { const: name }, params: schema(`${pascal(name)}Params`) }
  return {
    name,
    title: `Notification ${name}`,
    summary: `Sent to connections that asked for the topic "${topic}" in hello.`,
    payload: envelope(properties, ['method', 'params']),
  }
}

const failure: Json = {
  name: 'failure',
  title: 'Reply to a request that failed',
  payload: envelope({ id: { anyOf: [schema('RequestId'), { type: 'null' }] }, error: schema('Failure') }, [
    'id',
    'error',
  ]),
}

const failureSchema: Json = {
  type: 'object',
  required: ['code', 'message', 'data'],
  properties: {
    code: { enum: [...new Set(Object.values(ERRORS))] },
    message: { type: 'string' },
    data: { type: 'object', required: ['code'], properties: { code: { enum: Object.keys(ERRORS) } } },
  },
}

const requestId: Json = {
  description: 'Chosen by the client and echoed in the reply.',
  anyOf: [
    { type: 'integer', minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER },
    { type: 'string', maxLength: 64 },
  ],
}

function needsParams(schema: { required?: readonly string[] | undefined }): boolean {
  return (schema.required ?? []).length > 0
}

function messages(): Record<string, Json> {
  const all: Record<string, Json> = {}
  for (const [method, { params }] of Object.entries(METHODS)) {
    all[`${pascal(method)}Request`] = requestOf(method, needsParams(params))
    all[`${pascal(method)}Reply`] = replyOf(method)
  }
  for (const [name, { topic }] of Object.entries(NOTIFICATIONS))
    all[pascal(name)] = notificationOf(name, topic)
  all['Failure'] = failure
  return all
}

function schemas(): Record<string, Json> {
  const all: Record<string, unknown> = { RequestId: requestId, Failure: failureSchema }
  for (const [method, { params, result }] of Object.entries(METHODS)) {
    all[`${pascal(method)}Params`] = params
    all[`${pascal(method)}Result`] = result
  }
  for (const [name, { params }] of Object.entries(NOTIFICATIONS)) all[`${pascal(name)}Params`] = params
  // Schemas carry marks of their library that are not JSON.
  return JSON.parse(JSON.stringify(all)) as Record<string, Json>
}

function operations(): Record<string, Json> {
  const all: Record<string, Json> = {}
  const channel = { $ref: CHANNEL }
  for (const method of Object.keys(METHODS)) {
    const name = pascal(method)
    all[method] = {
      action: 'receive',
      channel,
      summary: `A client calls ${method}.`,
      messages: [channelMessage(`${name}Request`)],
      reply: { channel, messages: [channelMessage(`${name}Reply`), channelMessage('Failure')] },
    }
  }
  for (const name of Object.keys(NOTIFICATIONS)) {
    const summary = `The daemon notifies of ${name}.`
    all[name] = { action: 'send', channel, summary, messages: [channelMessage(pascal(name))] }
  }
  return all
}

const security: Record<string, Json> = {
  bearer: { type: 'http', scheme: 'bearer', description: 'The access token, in the Authorization header.' },
  subprotocol: {
    type: 'httpApiKey',
    in: 'header',
    name: 'Sec-WebSocket-Protocol',
    description: `The access token, as the second entry ${TOKEN_SUBPROTOCOL_PREFIX}TOKEN.`,
  },
}

/** The AsyncAPI 3.0 document of the protocol, from the daemon's side: it receives requests and sends the rest. */
export function asyncApiDocument(): Json {
  const all = messages()
  const references = Object.keys(all).map(name => [name, { $ref: `#/components/messages/${name}` }])
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'sessiond',
      version: SUBPROTOCOL,
      description:
        'How a call process asks for sessions. PROTOCOL.md, beside this file, is the contract in words.',
      license: { name: 'MIT', url: 'https://spdx.org/licenses/MIT.html' },
    },
    defaultContentType: 'application/json',
    servers: {
      unix: {
        host: 'localhost',
        pathname: '/',
        protocol: 'ws',
        description: 'WebSocket on a Unix socket, by default /run/sessiond/sessiond.sock. No token.',
      },
      tcp: {
        host: '127.0.0.1:{port}',
        pathname: '/',
        protocol: 'ws',
        description: 'WebSocket on loopback, off by default.',
        variables: { port: { description: 'As configured.' } },
        security: Object.keys(security).map(name => ({ $ref: `#/components/securitySchemes/${name}` })),
      },
    },
    channels: {
      connection: {
        address: '/',
        title: 'One connection',
        description: `JSON-RPC 2.0 in text frames, one request or one batch a frame, subprotocol ${SUBPROTOCOL}.`,
        messages: Object.fromEntries(references),
        bindings: { ws: { method: 'GET', bindingVersion: '0.1.0' } },
        'x-close-codes': CLOSE,
      },
    },
    operations: operations(),
    components: { messages: all, schemas: schemas(), securitySchemes: security },
  }
}
