/**
 * Wraps the platform: gives back what a process has inherited and does not want.
 *
 * A shell that waits for the end of a pipe (`x=$(holdfast …)`), and a lock such as `flock 200`, wait for every process that holds the
 * descriptor. Those of the starter are recognised by what they lack: everything that this process has opened itself is
 * close-on-exec, and what was handed down to it is not, or it would not be here.
 */
import * as fs from "node:fs"
import process from "node:process"

const closeOnExec = 0o2000000

/** Closes every descriptor from 3 on that was inherited, but for those in `but`. Without /proc nothing is done. */
export const closeInherited = (but: ReadonlyArray<number>): void => {
  for (const name of descriptors()) {
    const descriptor = Number(name)
    if (descriptor < 3 || but.includes(descriptor) || !isInherited(descriptor)) continue
    fs.closeSync(descriptor)
  }
}

/** Servers may make files that others can read, as from a shell, and never such that others can write. */
export const tameUmask = (): void => void process.umask(process.umask() | 0o022)

const descriptors = (): ReadonlyArray<string> => {
  try {
    return fs.readdirSync("/proc/self/fd")
  } catch {
    // Not Linux.
    return []
  }
}

const isInherited = (descriptor: number): boolean => {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(fs.readFileSync(`/proc/self/fdinfo/${descriptor}`, "latin1"))?.[1]
    return flags !== undefined && (Number.parseInt(flags, 8) & closeOnExec) === 0
  } catch {
    // The one with which the list was read.
    return false
  }
}
