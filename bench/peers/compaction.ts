// For `node --import`: the daemon with a journal that is made anew when it has grown to COMPACTED_BYTES, so soon that it
// does nothing else, or never; to see what that does to the calls.
import { registerHooks } from 'node:module'

const AS_IT_SHIPS = 'minBytes: 8 * 1024 * 1024'

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context)
    if (!url.endsWith('/journal/journal-file.ts')) return loaded
    const source = String(loaded.source)
    if (!source.includes(AS_IT_SHIPS)) throw new Error('The journal names its bound otherwise now.')
    const bound = `minBytes: ${Number(process.env['COMPACTED_BYTES'])}`
    return { ...loaded, source: source.replace(AS_IT_SHIPS, bound) }
  },
})
