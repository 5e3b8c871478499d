export { Fault } from '../errors.ts'
export type { SessionLoss } from './admissions.ts'
export type { AcquireOutcome, Grant, Refusal, RefusalReason } from './entries.ts'
export type {
  ClientEvents,
  Connected,
  Disconnected,
  LicenseResult,
  SessionEnd,
  StatusResult,
} from './events.ts'
export type { ClientOptions } from './options.ts'
export type { Session, SessionState } from './session.ts'
export { type AcquireRequest, type CloseOptions, SessionClient } from './session-client.ts'
