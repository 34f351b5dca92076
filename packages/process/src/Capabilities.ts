/**
 * Wraps the platform: asks which one it is.
 *
 * What this machine lets us promise about processes, as a value: a program that depends on the strong form can ask.
 *
 * On Linux everything holds. Elsewhere the interface is the same and some of it is weaker; `describe` says what and why, for a
 * person. See docs/platforms.md.
 */
import * as Effect from "effect/Effect"
import { pid, platform } from "node:process"
import * as ProcFs from "./internal/ProcFs.ts"
import * as ReaperProcess from "./internal/ReaperProcess.ts"

/** What this machine lets us promise. */
export interface Capabilities {
  /** Node's name for the system. */
  readonly platform: string
  /** How those who left their group are found: in /proc, in what `ps` prints (best effort), or not at all. */
  readonly tags: "proc" | "ps" | "none"
  /** What the reaper is: a POSIX shell script, or nothing where there is no /bin/sh. */
  readonly reaper: "sh" | "none"
  /** What guards against a process number that changed hands: the start time in /proc or of `ps`, or nothing. */
  readonly identity: "proc" | "ps" | "none"
  /** Whether what a dead runtime and its dead reaper left is found by the next one. */
  readonly janitor: boolean
  /**
   * What becomes of a descendant whose parent has ended, once it ends itself: an init takes note of it, or, where this program is the first process
   * of its container, nothing does, and it stays in the process table as a zombie.
   */
  readonly orphans: "collected" | "zombies"
}

/** What the capabilities follow from. */
export interface Facts {
  readonly platform: string
  readonly reaper: "sh" | "none"
  /** Whether /proc tells of all processes. */
  readonly hasProc: boolean
  /** Whether this program is the first process of its container, which has no other init. */
  readonly isInit?: boolean
}

/** The capabilities of a machine of which this is known. */
export const of = ({ hasProc, isInit = false, platform, reaper }: Facts): Capabilities => {
  const look = hasProc ? "proc" : reaper === "none" ? "none" : "ps"
  return {
    platform,
    tags: look,
    reaper,
    identity: look,
    janitor: hasProc && reaper === "sh",
    orphans: isInit ? "zombies" : "collected"
  }
}

/**
 * The capabilities of this machine.
 *
 * @example
 * ```ts
 * import * as Capabilities from "@holdfast/process/Capabilities"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   for (const line of Capabilities.describe(yield* Capabilities.current)) yield* Effect.log(line)
 * })
 * ```
 */
export const current: Effect.Effect<Capabilities> = Effect.sync(() => {
  const reaper = ReaperProcess.detect() === undefined ? "none" : "sh"
  return of({ platform, reaper, hasProc: ProcFs.isReadable(), isInit: pid === 1 })
})

/** What is weaker here than on Linux, a line each; nothing where nothing is. */
export const describe = (capabilities: Capabilities): ReadonlyArray<string> => {
  const { identity, janitor, orphans, platform, reaper, tags } = capabilities
  if (platform === "win32") return ["Windows is not supported: no process is started"]
  return [
    ...(tags === "proc"
      ? []
      : tags === "ps"
      ? ["descendants that leave their process group are looked for in the output of ps, which may hide them"]
      : ["descendants that leave their process group are not found"]),
    ...(identity === "none" ? ["a process number that was given to another process is not told apart"] : []),
    ...(janitor ? [] : ["what is left when this program and its reaper are killed at once is not cleaned up later"]),
    ...(orphans === "collected"
      ? []
      : [
        "this program is process 1, and Node takes no note of orphans that end: they stay as zombies; start it with an init (docker run --init)"
      ]),
    ...(reaper === "sh"
      ? []
      : ["there is no /bin/sh, and so no reaper: what this program has started may outlive a SIGKILL of it"])
  ]
}
