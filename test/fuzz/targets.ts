import type { Target } from './target.ts'
import { certificates } from './targets/certificates.ts'
import { configurations } from './targets/configurations.ts'
import { handshakes } from './targets/handshakes.ts'
import { httpBodies } from './targets/http-bodies.ts'
import { journals } from './targets/journals.ts'
import { licenses } from './targets/licenses.ts'
import { messages } from './targets/messages.ts'
import { replies } from './targets/replies.ts'
import { requests } from './targets/requests.ts'
import { revocationLists } from './targets/revocation-lists.ts'
import { states } from './targets/states.ts'
import { wire } from './targets/wire.ts'

export type { Target }

export const targets: readonly Target[] = [
  messages,
  wire,
  licenses,
  certificates,
  requests,
  revocationLists,
  configurations,
  journals,
  states,
  handshakes,
  httpBodies,
  replies,
]
