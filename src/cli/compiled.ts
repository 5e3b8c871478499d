import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire, enableCompileCache, flushCompileCache } from 'node:module'
import { dirname, join } from 'node:path'
import { cachedDataVersionTag } from 'node:v8'
import { constants, Script } from 'node:vm'
import { crc32 } from 'node:zlib'

/** By then a daemon listens, and has compiled what it needs to start. */
const KEEP_AFTER_MS = 2000

/** CRC-32 of the program and of what was compiled. */
const HEADER_BYTES = 8

/**
 * Runs a program as `require` does, with what an earlier run of it compiled, which is kept in `folder`. Node.js does so
 * by itself, but keeps what is compiled before a file runs, and most functions are compiled when they are called. What
 * the program loads besides is small, and left to that.
 */
export function requireCompiled(program: string, folder: string): unknown {
  if ((process.env['NODE_COMPILE_CACHE'] ?? '') === '') enableCompileCache(folder)
  const source = readFileSync(program)
  const sourceCrc = crc32(source)
  const name = `${process.version}-${process.arch}-${cachedDataVersionTag().toString(16)}`
  const kept = join(folder, name, `${crc32(program).toString(16)}.whole`)
  const cachedData = readKept(kept, sourceCrc)
  const script = new Script(`(function (exports, require, module, __filename, __dirname) { ${source}\n})`, {
    filename: program,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    ...(cachedData !== null && { cachedData }),
  })
  const module = { exports: {} }
  const run = script.runInThisContext()
  run(module.exports, createRequire(program), module, program, dirname(program))
  keepLater(() => {
    if (script.cachedDataRejected !== false) keep(kept, sourceCrc, script.createCachedData())
    flushCompileCache()
  })
  return module.exports
}

/** Null where nothing is kept, or something else than was written. */
function readKept(file: string, sourceCrc: number): Buffer | null {
  try {
    const bytes = readFileSync(file)
    const compiled = bytes.subarray(HEADER_BYTES)
    const isWhole = bytes.length > HEADER_BYTES && bytes.readUInt32LE(4) === crc32(compiled)
    return isWhole && bytes.readUInt32LE(0) === sourceCrc ? compiled : null
  } catch {
    // The first run, or one that may not read it: it compiles, as it must do anyway.
    return null
  }
}

/** Once: when a daemon has started, or when a program ends before that. */
function keepLater(act: () => void): void {
  let isKept = false
  const once = () => {
    if (!isKept) act()
    isKept = true
  }
  setTimeout(once, KEEP_AFTER_MS).unref()
  process.once('exit', once)
}

function keep(file: string, sourceCrc: number, compiled: Buffer): void {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32LE(sourceCrc, 0)
  header.writeUInt32LE(crc32(compiled), 4)
  const fresh = `${file}.${process.pid}`
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(fresh, Buffer.concat([header, compiled]), { mode: 0o600 })
    renameSync(fresh, file)
  } catch {
    // Whoever may not write there compiles each time.
  }
}
