import { Fault } from '../../errors.ts'
import { type Act, eventOf, installationStream } from './events.ts'
import type { Installation, LedgerChange, Standing } from './model.ts'

/**
 * Clears an installation that was suspected or blocked: its next request, whatever its generation, is taken as
 * the one machine that is left.
 */
export function clearInstallation(installation: Installation, note: string, act: Act): LedgerChange {
  const { standing, installationId } = installation
  if (standing === 'clone-suspected' || standing === 'blocked') {
    return stand(installation, 'cleared', note, act)
  }
  throw new Fault('nothing-to-clear', `Installation ${installationId} is neither suspected nor blocked.`, {
    hint: 'Those that are: `licensing-server installation list --standing clone-suspected`.',
  })
}

/** Blocks an installation: it gets no license any more. The one that it holds stays good until its dates. */
export function blockInstallation(installation: Installation, note: string, act: Act): LedgerChange {
  if (installation.standing !== 'blocked') return stand(installation, 'blocked', note, act)
  throw new Fault('already-blocked', `Installation ${installation.installationId} is blocked already.`, {
    hint: `To lift it: \`licensing-server installation clear ${installation.installationId} --note "…"\`.`,
  })
}

function stand(installation: Installation, to: Standing, note: string, act: Act): LedgerChange {
  const why = note.trim()
  if (why === '' || why.length > 2_000) {
    throw new Fault('note-invalid', 'A note has 1 to 2000 characters.', {
      hint: 'Say why, for whoever looks it up later: --note "…".',
    })
  }
  const { installationId, standing: from } = installation
  const event = eventOf(installationStream(installationId), act, 'standing-changed', { from, to, note: why })
  return { installation: { ...installation, standing: to }, events: [event] }
}
