/**
 * Wraps the platform: the daemon's log, one line an entry, in a file that does not grow without end.
 *
 * A file over a megabyte becomes `daemon.log.1`, in place of the one before. What cannot be written (a full disk) is left out: the
 * daemon goes on without.
 */
import * as Logger from "effect/Logger"
import * as fs from "node:fs"

const maxBytes = 1024 * 1024

export interface LogFile {
  readonly logger: Logger.Logger<unknown, void>
  /** Appends lines, without their ends. */
  readonly append: (lines: ReadonlyArray<string>) => void
}

/** Appends to the file. */
export const make = (file: string): LogFile => {
  let bytes = sizeOf(file)
  const append = (lines: ReadonlyArray<string>): void => {
    const text = lines.map((line) => `${line}\n`).join("")
    try {
      if (bytes > maxBytes) {
        fs.renameSync(file, `${file}.1`)
        bytes = 0
      }
      fs.appendFileSync(file, text, { mode: 0o600 })
      bytes += Buffer.byteLength(text)
    } catch {
      // There is no other place to say it.
    }
  }
  return { logger: Logger.map(Logger.formatLogFmt, (line) => append([line])), append }
}

const sizeOf = (file: string): number => {
  try {
    return fs.statSync(file).size
  } catch {
    // There is none yet.
    return 0
  }
}
