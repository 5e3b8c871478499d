// The platform's limit in Node: bytes that come back as they came.
import { createServer } from 'node:net'

createServer(socket => {
  socket.on('data', data => socket.write(data))
  // The generator goes away with replies outstanding.
  socket.on('error', () => socket.destroy())
}).listen(process.argv[2])
