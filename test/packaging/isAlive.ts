import * as Fs from "node:fs"

/** A zombie has ended: it waits for nothing but to be noticed. */
export const isAlive = (pid: number): boolean => {
  try {
    return !/\) Z /.test(Fs.readFileSync(`/proc/${pid}/stat`, "latin1"))
  } catch {
    // There is no such process any more.
    return false
  }
}
