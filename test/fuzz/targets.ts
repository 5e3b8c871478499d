import type { Target } from './target.ts'
import { certificates } from './targets/certificates.ts'
import { licenses } from './targets/licenses.ts'
import { messages } from './targets/messages.ts'
import { requests } from './targets/requests.ts'
import { revocationLists } from './targets/revocation-lists.ts'
import { wire } from './targets/wire.ts'

export type { Target }

export const targets: readonly Target[] = [messages, wire, licenses, certificates, requests, revocationLists]
