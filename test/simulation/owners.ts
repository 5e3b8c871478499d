import type { ProcessIdentity } from '../../src/session/client-table.ts'
import type { Machine } from './machine.ts'

/** Who speaks over a wire, as `hello` said it. */
export interface Owner {
  /** The same on each connection of a client with an identity. */
  readonly name: string
  readonly application: string
  readonly process: ProcessIdentity | null
  /** The daemon could see that process, so it can tell when it is dead. */
  readonly watched: boolean
}

export interface Hello {
  readonly clientId?: string
  readonly clientSecret?: string
  readonly application?: string
  readonly process?: ProcessIdentity
}

/** The clients of a daemon by the wires over which they speak. */
export class Owners {
  readonly #machine: Machine
  readonly #byWire = new Map<number, Owner>()
  /** The wire that speaks for an owner now. */
  readonly #wires = new Map<string, number>()

  constructor(machine: Machine) {
    this.#machine = machine
  }

  /** Gives the owner for whom an older wire spoke until now, if one did. */
  hello(
    wire: number,
    { clientId, clientSecret, application = 'default', process = undefined }: Hello,
  ): Owner | null {
    const name = clientSecret === undefined ? `wire-${wire}` : `${clientId} ${clientSecret}`
    const watched = process !== undefined && this.#machine.watchProcess(process) === 'lives'
    const older = this.#wires.get(name)
    this.#byWire.set(wire, { name, application, process: process ?? null, watched })
    this.#wires.set(name, wire)
    return older === undefined ? null : (this.#byWire.get(older) ?? null)
  }

  /** Gives the owner who is without a connection now. */
  hungUp(wire: number): Owner | null {
    const owner = this.#byWire.get(wire)
    this.#byWire.delete(wire)
    if (owner === undefined || this.#wires.get(owner.name) !== wire) return null
    this.#wires.delete(owner.name)
    return owner
  }

  at(wire: number): Owner {
    const owner = this.#byWire.get(wire)
    if (owner === undefined) throw new Error(`Wire ${wire} speaks without hello.`)
    return owner
  }

  /** The daemon died, and with it every connection. Gives those who had one. */
  allHungUp(): Owner[] {
    const owners = [...this.#wires.values()].map(wire => this.at(wire))
    this.#byWire.clear()
    this.#wires.clear()
    return owners
  }
}
