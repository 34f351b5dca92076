/**
 * Wraps the platform: what a hot word prints, written before it ends.
 */
import { fstatSync, writeSync } from "node:fs"
import { isNativeError } from "node:util/types"
import type { ExitCode } from "../ExitCode.ts"

/** Prints a result and ends. `lost` begins the message that says that it could not be written. */
export const end = (result: string, exitCode: ExitCode, lost: string, isJson: boolean): void =>
  write(1, Buffer.from(result), (error) => {
    if (error === undefined) process.exit(exitCode)
    void import("./unwritable.ts").then(({ main }) => main(lost, error, isJson))
  })

/** Terminals are devices, and what tells them from others is slow to load. */
export const isTerminal = (fd: 1 | 2): boolean =>
  fstatSync(fd).isCharacterDevice() && process.getBuiltinModule("node:tty").isatty(fd)

/** Writes all of it. A reader that has gone away has chosen to. */
export const write = (fd: 1 | 2, bytes: Uint8Array, then: (error?: Error) => void): void => {
  let rest = bytes
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest))
  } catch (error) {
    const code = isNativeError(error) && "code" in error ? error.code : undefined
    // A pipe that is full now: its reader is slow.
    if (code === "EAGAIN") {
      const stream = fd === 1 ? process.stdout : process.stderr
      stream.on("error", () => {}).write(rest, () => then())
      return
    }
    // There is nowhere to complain about a complaint.
    if (code !== "EPIPE" && fd === 1 && isNativeError(error)) return then(error)
  }
  then()
}
