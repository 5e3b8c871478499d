/** Makes a value at its first use and keeps it: what a start does not need should not hold it up. */
export function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
