import { randomInt } from 'node:crypto'
import type { Application } from '../../src/session/applications.ts'
import type { Client } from '../../src/session/client-table.ts'
import { SessionCounter } from '../../src/session/counter.ts'
import type { ApplicationPolicy, SessionPolicy } from '../../src/session/policy.ts'
import type { TokenSigner } from '../../src/session/signed-token.ts'
import { MemoryJournal } from './memory-journal.ts'

export const WINDOW_MS = 30_000

export function policyOf(part: Partial<SessionPolicy> = {}): SessionPolicy {
  return {
    limit: 10,
    refusal: null,
    features: new Set(),
    applications: new Map(),
    maxSessionsPerClient: 10_000,
    maxApplications: 1024,
    resumeWindowMs: WINDOW_MS,
    ...part,
  }
}

export function applicationPolicyOf(part: Partial<ApplicationPolicy>): ApplicationPolicy {
  return { max: null, feature: null, maxDurationMs: null, ...part }
}

export function randomNonce(): number {
  return randomInt(2 ** 48 - 1)
}

/** A daemon's counter beside its journal, for stories: connect, acquire, kill, start again. */
export class Daemon {
  counter: SessionCounter
  now = 1_000_000
  policy: SessionPolicy
  readonly journal = new MemoryJournal()

  constructor(part: Partial<SessionPolicy> = {}) {
    this.policy = policyOf(part)
    this.counter = this.#start(null)
  }

  #start(previousSigner: TokenSigner | null): SessionCounter {
    const counter = new SessionCounter({ policy: this.policy, nonces: randomNonce, previousSigner })
    this.journal.restore(counter, this.now)
    return counter
  }

  change(part: Partial<SessionPolicy>): void {
    this.policy = policyOf({ ...this.policy, ...part })
    this.counter.setPolicy(this.policy)
  }

  connect(identity: string | null = null, process: Client['process'] = null): Client {
    return this.counter.attach({ identity, label: identity, process }, this.now).client
  }

  disconnect(client: Client): void {
    this.counter.detach(client, client.attachment ?? 0, this.now)
  }

  application(name = 'default'): Application {
    const application = this.counter.applications.named(name)
    if (application === null) throw new Error(`There are too many applications for ${name}.`)
    return application
  }

  acquire(client: Client, key: string, application?: string) {
    return this.counter.acquire(client, this.application(application), key, this.now)
  }

  /** As `acquire`, where a grant is expected. Gives the token. */
  grant(client: Client, key: string, application?: string): string {
    const decision = this.acquire(client, key, application)
    if (!decision.granted) throw new Error(`${key} was refused: ${decision.reason}`)
    return decision.token
  }

  /** Why an acquire is refused; null where it is granted. */
  refusal(client: Client, key: string, application?: string): string | null {
    const decision = this.acquire(client, key, application)
    return decision.granted ? null : decision.reason
  }

  resume(client: Client, ...tokens: string[]) {
    return this.counter.resume(client, tokens, this.now)
  }

  commit(): void {
    this.journal.commit(this.counter)
  }

  /** `kill -9`, and a start with what was committed. */
  crash(previousSigner: TokenSigner | null = null): void {
    this.counter = this.#start(previousSigner)
  }

  wait(ms: number): void {
    this.now += ms
  }

  expire() {
    return this.counter.expire(this.now)
  }
}
