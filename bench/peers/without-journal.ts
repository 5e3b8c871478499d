// For `node --import`: the daemon as it would be without its journal, to see what the journal costs. The file of the
// journal is one that takes everything and keeps nothing; all else is as it ships.
import { registerHooks } from 'node:module'

registerHooks({
  resolve(specifier, context, next) {
    const isOfJournal = context.parentURL?.endsWith('/journal/journal.ts') ?? false
    if (!isOfJournal || specifier !== './journal-file.ts') return next(specifier, context)
    return next(new URL('nothing-kept.ts', import.meta.url).href, context)
  },
})
