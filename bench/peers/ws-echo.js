// The library's own limit: `ws` with nothing behind it. Each frame comes back as its own write.
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

const server = createServer()
const sockets = new WebSocketServer({ server, perMessageDeflate: false })
sockets.on('connection', socket => {
  socket.on('message', (data, binary) => socket.send(data, { binary }))
  // The generator goes away with replies outstanding.
  socket.on('error', () => socket.terminate())
})
server.listen(process.argv[2])
