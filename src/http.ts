/**
 * `node:http`, not imported: an `import` of it, by whatever name, reads all of its exports, and one of them, the
 * global `WebSocket`, loads the whole HTTP client that is behind `fetch`. That was a tenth of the daemon's start.
 */
export const { Agent, createServer, request, STATUS_CODES } = process.getBuiltinModule('node:http')
