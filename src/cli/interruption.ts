/**
 * A signal that aborts with Ctrl-C or SIGTERM, so that a command can leave in order. A second one ends the
 * process as it would without a handler.
 */
export function interruption(): AbortController {
  const controller = new AbortController()
  const abort = () => {
    process.off('SIGINT', abort)
    process.off('SIGTERM', abort)
    controller.abort()
  }
  process.on('SIGINT', abort)
  process.on('SIGTERM', abort)
  return controller
}

/** Lets `act` be aborted by Ctrl-C or SIGTERM, and leaves both as they were. */
export async function interruptible<T>(act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const abort = () => controller.abort(new Error('it was interrupted'))
  process.once('SIGINT', abort)
  process.once('SIGTERM', abort)
  try {
    return await act(controller.signal)
  } finally {
    process.off('SIGINT', abort)
    process.off('SIGTERM', abort)
  }
}
