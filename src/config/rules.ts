/** What one key asks of another. A rule is judged only where all keys that it reads are sound by themselves. */
export interface Rule<Config> {
  reads: string[]
  /** The key to mend. */
  key: string
  /** Completes the sentence that starts with the key; undefined where the rule holds. */
  broken(config: Config): string | undefined
}

export interface BrokenRule {
  key: string
  message: string
}

/** @param unsound keys that are already known to be wrong, such as `listen.tcp.tls.certFile` */
export function brokenRules<Config>(
  rules: readonly Rule<Config>[],
  config: Config,
  unsound: readonly string[],
): BrokenRule[] {
  const isUnsound = (key: string) =>
    unsound.some(bad => bad === key || bad.startsWith(`${key}.`) || key.startsWith(`${bad}.`))
  const broken: BrokenRule[] = []
  for (const rule of rules) {
    if (rule.reads.some(isUnsound)) continue
    const message = rule.broken(config)
    if (message !== undefined) broken.push({ key: rule.key, message })
  }
  return broken
}
