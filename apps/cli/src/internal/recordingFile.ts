/**
 * Wraps the platform: the file of a recording, written line by line, so that it is complete up to its last line whatever ends this program.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { isNativeError } from "node:util/types"

export interface RecordingFile {
  /** As the user would write it. */
  readonly name: string
  /** Throws what the operating system says. */
  readonly append: (line: string) => void
  readonly close: () => void
}

/**
 * Makes the file, for this user alone. `isNew`: one that is there stays, and this one gets a number; otherwise it is written anew. Throws what the
 * operating system says.
 */
export const open = (directory: string, name: string, isNew: boolean): RecordingFile => {
  const { dir, ext, name: stem } = path.parse(name)
  for (let number = 1;; number++) {
    const numbered = number === 1 ? name : path.join(dir, `${stem}-${number}${ext}`)
    try {
      const file = fs.openSync(path.resolve(directory, numbered), isNew ? "wx" : "w", 0o600)
      return {
        name: numbered,
        append: (line) => void fs.writeSync(file, `${line}\n`),
        close: () => fs.closeSync(file)
      }
    } catch (error) {
      const isTaken = isNativeError(error) && "code" in error && error.code === "EEXIST"
      if (!isTaken || number >= mostFiles) throw error
    }
  }
}

const mostFiles = 10_000
