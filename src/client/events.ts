import type { Fault } from '../errors.ts'
import type { NotificationParams, ResultOf } from '../protocol/schemas.ts'
import type { SessionLoss } from './admissions.ts'
import type { Session } from './session.ts'

export interface Connected {
  /** Changes whenever the daemon starts. */
  readonly instanceId: string
  readonly version: string
  readonly limit: number
  readonly inUse: number
  /** Sessions of this client that were taken back with this connection. */
  readonly resumed: number
  readonly resumeWindowMs: number
}

export interface Disconnected {
  /** The WebSocket close code; 1006 where the connection broke or could not be made. */
  readonly code: number
  readonly fault: Fault
  /** Milliseconds until the next attempt; `null` where there will be none. */
  readonly retryInMs: number | null
}

export interface SessionEnd {
  readonly session: Session
  readonly cause: NotificationParams<'session.ended'>['cause']
}

/** The events of a client with their parameters. */
export interface ClientEvents {
  /** Connected, and the held sessions are resumed. */
  connected: [Connected]
  /** The connection was lost, or the first attempt failed. Told once, not for each further attempt. */
  disconnected: [Disconnected]
  limitChanged: [NotificationParams<'limit.changed'>]
  licenseChanged: [NotificationParams<'license.changed'>]
  /** The daemon is about to stop. The client waits for its successor by itself. */
  draining: [NotificationParams<'draining'>]
  /** The daemon released a session by itself. */
  sessionEnded: [SessionEnd]
  /** A session could not be had again after the daemon had forgotten it. Its call is not counted any more. */
  sessionLost: [SessionLoss]
  /** A fault of which no caller learns otherwise. */
  fault: [Fault]
}

export type StatusResult = ResultOf<'status.get'>
export type LicenseResult = ResultOf<'license.get'>
