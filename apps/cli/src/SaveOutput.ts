/**
 * `-o file`: what of a result is no text (images, audio, blobs) goes to files, as the bytes that it stands for.
 *
 * One thing goes to the file, several to numbered files beside it: `shot.png` becomes `shot-1.png`, `shot-2.png`. A result that is all text goes
 * to the file as text. A file that is there is written anew, as `curl -o` does; so are numbered ones. `-o -` is stdout.
 *
 * Whether the file can be written is looked at before anything is called, as far as that can be known.
 */
import * as Messages from "@holdfast/mcp/Messages"
import * as ModelView from "@holdfast/mcp/ModelView"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import { Buffer } from "node:buffer"
import { CliFailure } from "./CliFailure.ts"
import { ExitCode } from "./ExitCode.ts"
import { Shell } from "./Shell.ts"
import { unwritten, writeResult } from "./WriteResult.ts"

/** Where to. */
export interface Target {
  /** As it was given. */
  readonly file: string
  /** Undefined: stdout. */
  readonly path: string | undefined
}

/** A part of a result, and the file it is in. */
export interface Saved {
  readonly block: Messages.ContentBlock
  /** As the user would write it. */
  readonly file: string
}

/** Looks at the place before anything is called. */
export const prepare = Effect.fnUntraced(function*(output: Option.Option<string>) {
  if (Option.isNone(output)) return undefined
  const file = output.value
  if (file === "-") return { file, path: undefined } satisfies Target
  const { directory } = yield* Shell
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const absolute = path.resolve(directory, file)
  const refuse = (why: string) =>
    new CliFailure({ exitCode: ExitCode.usage, reason: "BadArguments", message: `-o ${file}: ${why}` })
  const folder = path.dirname(absolute)
  yield* Effect.mapError(
    fs.access(folder, { writable: true }),
    ({ reason }) =>
      refuse(reason._tag === "NotFound" ? `there is no folder ${folder}` : `the folder ${folder} may not be written`)
  )
  const info = yield* Effect.option(fs.stat(absolute))
  if (Option.isSome(info) && info.value.type === "Directory") return yield* refuse("it is a folder")
  if (Option.isSome(info)) {
    yield* Effect.mapError(fs.access(absolute, { writable: true }), () => refuse("it may not be written"))
  }
  return { file, path: absolute } satisfies Target
})

/**
 * Writes what is no text, or the text if there is nothing else. `lost` begins the message that says that it could not be written. Succeeds
 * with what is in files; `isText` says that it was the text.
 */
export const save = Effect.fnUntraced(function*(
  target: Target,
  blocks: ReadonlyArray<Messages.ContentBlock>,
  text: string,
  lost: string
) {
  const parts = blocks.flatMap((block) => {
    const data = dataOf(block)
    return data === undefined ? [] : [{ block, data }]
  })
  if (parts.length === 0) {
    if (text !== "") yield* write(target, target.path, text.endsWith("\n") ? text : `${text}\n`, lost)
    const saved: ReadonlyArray<Saved> = []
    return { isText: true, saved }
  }
  const path = yield* Path.Path
  const saved = yield* Effect.forEach(parts, ({ block, data }, index) =>
    Effect.gen(function*() {
      const bytes = bytesOf(data)
      if (bytes === undefined) {
        return yield* new CliFailure({
          exitCode: ExitCode.refused,
          reason: "InvalidAnswer",
          message: `${lost}: ${ModelView.wordsOf(block)} is no base64`
        })
      }
      const numbered = (file: string) => parts.length === 1 ? file : numberedOf(path, file, index + 1)
      yield* write(target, target.path === undefined ? undefined : numbered(target.path), bytes, lost)
      return { block, file: target.path === undefined ? target.file : numbered(target.file) }
    }))
  return { isText: false, saved }
})

/** The blocks as JSON has them: what is in a file has its name in place of the data. */
export const named = (
  blocks: ReadonlyArray<Messages.ContentBlock>,
  saved: ReadonlyArray<Saved>
): ReadonlyArray<object> =>
  blocks.map((block) => {
    const file = saved.find((each) => each.block === block)?.file
    if (file === undefined) return block
    if (Messages.isResource(block)) {
      const { blob: _, ...resource } = block.resource
      return { ...block, resource: { ...resource, file } }
    }
    const { data: _, ...rest }: { readonly data?: unknown } & Messages.ContentBlock = block
    return { ...rest, file }
  })

/** The base64 of what is no text. */
export const dataOf = (block: Messages.ContentBlock): string | undefined =>
  Messages.isImage(block) || Messages.isAudio(block)
    ? block.data
    : Messages.isResource(block) && block.resource.text === undefined
    ? block.resource.blob
    : undefined

/** What base64 stands for, with or without its padding, in either alphabet. Undefined: it is none. */
export const bytesOf = (base64: string): Uint8Array | undefined => {
  const text = base64.replaceAll(/\s+/g, "")
  return /^[\w+/-]*={0,2}$/.test(text) && text.replace(/=+$/, "").length % 4 !== 1
    ? Buffer.from(text, "base64")
    : undefined
}

const numberedOf = (path: Path.Path, file: string, number: number): string => {
  const { base, ext } = path.parse(file)
  const folder = file.slice(0, file.length - base.length)
  return `${folder}${base.slice(0, base.length - ext.length)}-${number}${ext}`
}

const write = Effect.fnUntraced(function*(
  { file }: Target,
  path: string | undefined,
  content: string | Uint8Array,
  lost: string
) {
  if (path === undefined) return yield* writeResult(content, lost)
  const fs = yield* FileSystem.FileSystem
  const written = typeof content === "string" ? fs.writeFileString(path, content) : fs.writeFile(path, content)
  yield* Effect.mapError(written, ({ reason }) => unwritten(`${lost} to ${file}`, reason.message))
})
