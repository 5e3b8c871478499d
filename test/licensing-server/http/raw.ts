import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A connection on which any bytes can be sent, and everything that comes back is kept. */
export class RawConnection {
  readonly socket: Socket
  received = ''
  readonly closed: Promise<unknown>

  constructor(url: string) {
    const { hostname, port } = new URL(url)
    this.socket = connect(Number(port), hostname)
    this.socket.setEncoding('latin1').on('data', (text: string) => {
      this.received += text
    })
    // A server that cuts somebody off may do so by a reset; what matters is that the connection ends.
    this.socket.on('error', () => {})
    this.closed = once(this.socket, 'close')
  }

  static async open(url: string): Promise<RawConnection> {
    const connection = new RawConnection(url)
    await once(connection.socket, 'connect')
    return connection
  }

  send(text: string): void {
    this.socket.write(text, 'latin1')
  }

  get status(): number {
    return Number(/^HTTP\/1\.1 (\d{3})/.exec(this.received)?.[1])
  }
}
