/**
 * Wraps the platform: config files of other programs, read and written whole.
 *
 * Promises of a write
 * - There is the old content or the new one, never a part of it: a temporary file beside it takes its place, with its mode, and what is lost
 *   is the temporary file.
 * - A symbolic link stays one: its last target is written, beside which the temporary file is.
 * - A file whose mode lets no user write it is not replaced, though its folder would allow it.
 * - A file that another program has changed since it was read is left alone.
 * - Encoding and byte order mark stay.
 */
import { stateOf } from "@holdfast/daemon/DaemonPlace"
import * as HomeDirectory from "@holdfast/process/HomeDirectory"
import * as fs from "node:fs"
import * as path from "node:path"
import process from "node:process"
import { getSystemErrorMessage } from "node:util"
import { isNativeError } from "node:util/types"

/** A file as it was read. */
export interface ReadFile {
  readonly file: string
  readonly bytes: Buffer
  /** Without a byte order mark. */
  readonly text: string
  readonly encoding: Encoding
}

interface Encoding {
  readonly name: "utf8" | "utf16le" | "utf16be"
  readonly hasMark: boolean
}

/** What went wrong, in a sentence without its file. */
export class FileFault extends Error {
  readonly code: string

  constructor(message: string, code: string) {
    super(message)
    this.code = code
  }
}

/** Reads a file. Undefined: there is none. Throws `FileFault`. */
export const read = (file: string): ReadFile | undefined => {
  const bytes = readBytes(file)
  return bytes && fromBytes(file, bytes)
}

/** As `read`, whatever is in it. */
export const readBytes = (file: string): Buffer | undefined =>
  attempt(() => {
    try {
      return fs.readFileSync(file)
    } catch (error) {
      if (isNativeError(error) && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) {
        return undefined
      }
      throw error
    }
  })

/** Bytes that were read before. Throws `FileFault`. */
export const fromBytes = (file: string, bytes: Buffer): ReadFile => {
  const encoding = encodingOf(bytes)
  return { file, bytes, text: decode(bytes, encoding), encoding }
}

/** Whether a file may be written, as `write` would. Throws `FileFault`. */
export const checkWritable = (file: string): void => {
  const target = targetOf(file)
  const state = attempt(() => fs.statSync(target, { throwIfNoEntry: false }))
  if (state === undefined) return
  if (!state.isFile()) throw new FileFault("it is no file", "EINVAL")
  // The mode counts for root, too: it says what its owner wants.
  if ((state.mode & 0o222) === 0) throw new FileFault("it is read-only", "EACCES")
  attempt(() => fs.accessSync(target, fs.constants.W_OK))
}

/**
 * Writes a file. `before`: as it was read, or undefined if there was none. `mode`: of a new file. Throws `FileFault`; the file is as it was
 * then.
 */
export const write = (file: string, text: string, before: ReadFile | undefined, mode = 0o644): void =>
  writeBytes(file, encode(text, before?.encoding ?? { name: "utf8", hasMark: false }), before, mode)

/** As `write`, of bytes. */
export const writeBytes = (file: string, bytes: Buffer, before: ReadFile | undefined, mode = 0o644): void => {
  checkWritable(file)
  const target = targetOf(file)
  const old = attempt(() => fs.statSync(target, { throwIfNoEntry: false }))
  if (old === undefined) attempt(() => fs.mkdirSync(path.dirname(target), { recursive: true }))
  const fresh = path.join(path.dirname(target), `.${path.basename(target)}.${process.pid}.tmp`)
  attempt(() => {
    try {
      const fd = fs.openSync(fresh, "wx", mode)
      try {
        if (old !== undefined) {
          fs.fchmodSync(fd, old.mode & 0o7777)
          keepOwner(fd, old)
        }
        writeAll(fd, bytes)
        fs.fsyncSync(fd)
      } finally {
        fs.closeSync(fd)
      }
      const now = read(file)
      if (!(now === undefined ? before === undefined : before !== undefined && now.bytes.equals(before.bytes))) {
        throw new FileFault("another program has changed it in the meantime; try again", "EBUSY")
      }
      fs.renameSync(fresh, target)
    } catch (error) {
      fs.rmSync(fresh, { force: true })
      throw error
    }
  })
}

const writeAll = (fd: number, bytes: Buffer): void => {
  for (let done = 0; done < bytes.length;) done += fs.writeSync(fd, bytes, done)
}

/** Root keeps the owner of what it writes; others own what they may write, or at least try to. */
const keepOwner = (fd: number, { gid, uid }: fs.Stats): void => {
  if (process.getuid?.() !== 0) return
  fs.fchownSync(fd, uid, gid)
}

/** Where a link leads to in the end, also one that leads to nothing yet. */
const targetOf = (file: string): string =>
  attempt(() => {
    let target = path.resolve(file)
    for (let links = 0; links < 40; links++) {
      const state = fs.lstatSync(target, { throwIfNoEntry: false })
      if (state === undefined) return target
      if (!state.isSymbolicLink()) return fs.realpathSync(target)
      target = path.resolve(path.dirname(target), fs.readlinkSync(target))
    }
    throw new FileFault("its symbolic links go in circles", "ELOOP")
  })

/** What makes `FileFault` of what the system says. */
const attempt = <A>(run: () => A): A => {
  try {
    return run()
  } catch (error) {
    if (error instanceof FileFault || !isNativeError(error) || !("errno" in error)) throw error
    const { errno } = error
    const code = "code" in error ? String(error.code) : ""
    throw new FileFault(sentences[code] ?? `${getSystemErrorMessage(Number(errno))} (${code})`, code)
  }
}

const sentences: Readonly<Record<string, string>> = {
  EACCES: "it may not be read or written by this user (permission denied)",
  EPERM: "it may not be read or written by this user (permission denied)",
  EISDIR: "it is a directory, not a file",
  ENOSPC: "there is no space left on its disk",
  EDQUOT: "there is no space left for this user on its disk",
  EFBIG: "it would be longer than a file may be",
  EROFS: "its file system is read-only",
  ELOOP: "its symbolic links go in circles"
}

const encodingOf = (bytes: Buffer): Encoding => {
  const [first, second, third] = bytes
  if (first === 0xef && second === 0xbb && third === 0xbf) return { name: "utf8", hasMark: true }
  if (first === 0xff && second === 0xfe) return { name: "utf16le", hasMark: true }
  if (first === 0xfe && second === 0xff) return { name: "utf16be", hasMark: true }
  return { name: "utf8", hasMark: false }
}

const decode = (bytes: Buffer, { hasMark, name }: Encoding): string => {
  const encoding = name === "utf8" ? "utf-8" : name === "utf16le" ? "utf-16le" : "utf-16be"
  const skip = hasMark ? (name === "utf8" ? 3 : 2) : 0
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes.subarray(skip))
  } catch {
    // The decoder's own words say less.
    throw new FileFault("it is no text in UTF-8 or UTF-16", "EILSEQ")
  }
}

/** A text in the encoding that a file has. */
export const bytesLike = ({ encoding }: ReadFile, text: string): Buffer => encode(text, encoding)

const encode = (text: string, { hasMark, name }: Encoding): Buffer => {
  const marked = hasMark ? `\uFEFF${text}` : text
  if (name === "utf8") return Buffer.from(marked, "utf8")
  const bytes = Buffer.from(marked, "utf16le")
  return name === "utf16le" ? bytes : bytes.swap16()
}

/** The user of this process, as far as files of hosts depend on it. */
export interface UserPlace {
  readonly home: string
  readonly platform: NodeJS.Platform
  readonly environment: Readonly<Record<string, string | undefined>>
}

export const userPlace = (): UserPlace => ({
  home: HomeDirectory.of(process.env),
  platform: process.platform,
  environment: process.env
})

/** Whether a program is found by its name. */
export const isOnPath = (name: string): boolean =>
  (process.env["PATH"] ?? "").split(path.delimiter).some((folder) =>
    (process.platform === "win32" ? ["", ".cmd", ".exe"] : [""]).some((end) =>
      fs.existsSync(path.join(folder, name + end))
    )
  )

/** Where what is kept of adopted files is. Its folder is made, for this user alone. */
export const adoptedFolder = (file: string): string => {
  const id = process.getBuiltinModule("node:crypto").createHash("sha256").update(targetOf(file)).digest("hex")
  return path.join(stateOf(process.env), "adopted", id)
}

/** Keeps files for this user alone, one after the other. */
export const keep = (folder: string, files: Readonly<Record<string, Buffer>>): void =>
  attempt(() => {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
    for (const [name, bytes] of Object.entries(files)) {
      const file = path.join(folder, name)
      try {
        fs.writeFileSync(`${file}.new`, bytes, { mode: 0o600 })
        fs.renameSync(`${file}.new`, file)
      } catch (error) {
        fs.rmSync(`${file}.new`, { force: true })
        throw error
      }
    }
  })

/** Forgets what was kept. */
export const forget = (folder: string): void => attempt(() => fs.rmSync(folder, { recursive: true, force: true }))

export const digestOf = (bytes: Buffer): string =>
  process.getBuiltinModule("node:crypto").createHash("sha256").update(bytes).digest("hex")
