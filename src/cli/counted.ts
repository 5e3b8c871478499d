/** `1 root`, `2 roots`, for lines that people read. */
export function counted(count: number, one: string, several = `${one}s`): string {
  return `${count} ${count === 1 ? one : several}`
}
