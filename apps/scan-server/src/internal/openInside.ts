/**
 * Wraps the platform: opens what lies under a root, and nothing else, whatever is swapped for a link meanwhile.
 *
 * A path is judged after it was opened: on Linux by where `/proc/self/fd` says that the descriptor leads, and a folder is then listed by
 * that descriptor. Elsewhere the real path is looked up again, must be inside, and must be the file that was opened; of a folder that is
 * swapped between this and its listing names may be seen, but no file is opened that is outside.
 */
import { Buffer } from "node:buffer"
import * as fs from "node:fs"
import { isNativeError } from "node:util/types"
import * as pathText from "./pathText.ts"

/** Why something was not read. */
export type Reason = string

export type Opened = { readonly descriptor: number } | { readonly reason: Reason }

const { O_DIRECTORY = 0, O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY } = fs.constants

/** `relative` is empty for the root itself. */
const within = (root: string, relative: string): Buffer =>
  pathText.toBytes(relative === "" ? root : `${root.endsWith("/") ? root : `${root}/`}${relative}`)

const isInside = (root: string, real: Buffer): boolean => {
  const base = pathText.toBytes(root.endsWith("/") ? root.slice(0, -1) : root)
  return real.subarray(0, base.length).equals(base) && (real.length === base.length || real[base.length] === 0x2f)
}

const leadsOut = "it leads out of the root: something was swapped for a link"

/** Where Linux tells of descriptors. */
const descriptors = "/proc/self/fd"

/** Where a descriptor leads. Undefined: the system does not say. */
const realOf = (descriptor: number, proc: string): Buffer | undefined => {
  try {
    return fs.readlinkSync(`${proc}/${descriptor}`, { encoding: "buffer" })
  } catch {
    return undefined
  }
}

const open = (root: string, relative: string, flags: number, proc: string): Opened => {
  const path = within(root, relative)
  let descriptor: number
  try {
    // A pipe that was put there does not hold us.
    descriptor = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | flags)
  } catch (error) {
    return { reason: reasonOf(error) }
  }
  try {
    const real = realOf(descriptor, proc)
    const isOurs = real !== undefined ? isInside(root, real) : isSame(root, path, descriptor)
    if (isOurs) return { descriptor }
    fs.closeSync(descriptor)
    return { reason: leadsOut }
  } catch (error) {
    fs.closeSync(descriptor)
    return { reason: reasonOf(error) }
  }
}

/** Without `/proc`: what the path means now is inside, and is what was opened. */
export const isSame = (root: string, path: Buffer, descriptor: number): boolean => {
  const real = fs.realpathSync(path, { encoding: "buffer" })
  const [now, opened] = [fs.statSync(real, { bigint: true }), fs.fstatSync(descriptor, { bigint: true })]
  return isInside(root, real) && now.dev === opened.dev && now.ino === opened.ino
}

/** Opens a file. The caller closes it. */
export const file = (root: string, relative: string, proc = descriptors): Opened => {
  const opened = open(root, relative, 0, proc)
  if ("reason" in opened) return opened
  if (fs.fstatSync(opened.descriptor).isFile()) return opened
  fs.closeSync(opened.descriptor)
  return { reason: "it is no file any more" }
}

/** What a folder holds. */
export const folder = (
  root: string,
  relative: string,
  proc = descriptors
): ReadonlyArray<fs.Dirent<Buffer>> | { readonly reason: Reason } => {
  const opened = open(root, relative, O_DIRECTORY, proc)
  if ("reason" in opened) return opened
  try {
    const path = realOf(opened.descriptor, proc) === undefined ? within(root, relative) : `${proc}/${opened.descriptor}`
    return fs.readdirSync(path, { encoding: "buffer", withFileTypes: true })
  } catch (error) {
    return { reason: reasonOf(error) }
  } finally {
    fs.closeSync(opened.descriptor)
  }
}

/** A small file's bytes, or none. */
export const bytesOf = (root: string, relative: string, maxBytes: number): Buffer | undefined => {
  const opened = file(root, relative)
  if ("reason" in opened) return undefined
  try {
    return fs.fstatSync(opened.descriptor).size > maxBytes ? undefined : fs.readFileSync(opened.descriptor)
  } catch {
    // It changes nothing but what is left out: less.
    return undefined
  } finally {
    fs.closeSync(opened.descriptor)
  }
}

/** In words. */
export const reasonOf = (error: unknown): Reason => {
  const code = isNativeError(error) && "code" in error ? String(error.code) : String(error)
  return reasons[code] ?? `it cannot be read: ${code}`
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: "no permission",
  EPERM: "no permission",
  ENOENT: "it is gone",
  ENOTDIR: "it is gone",
  ELOOP: "it is a link now"
}
