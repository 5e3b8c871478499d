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
