/**
 * A result on stdout: its text, byte for byte in a pipe, without control characters on a terminal. What is no text is named there, and on stderr
 * unless that is quiet, or it is in files.
 */
import type * as Messages from "@holdfast/mcp/Messages"
import * as ModelView from "@holdfast/mcp/ModelView"
import * as Effect from "effect/Effect"
import { note } from "./Quiet.ts"
import * as SaveOutput from "./SaveOutput.ts"
import { Shell } from "./Shell.ts"
import { printable } from "./Style.ts"
import { writeResult } from "./WriteResult.ts"

export interface ShowOptions {
  readonly json: boolean
  readonly target: SaveOutput.Target | undefined
  /** Begins the message that says that the result could not be written. */
  readonly lost: string
}

/** A result as its blocks. */
export interface Shown {
  readonly blocks: ReadonlyArray<Messages.ContentBlock>
  /** All of it as text. `isLeft` says of a block whether it is not in a file. */
  readonly textOf: (isLeft: (block: Messages.ContentBlock) => boolean) => string
  /** All of it for programs, with these blocks. */
  readonly toJson: (blocks: ReadonlyArray<object>) => unknown
}

export const show = Effect.fnUntraced(function*(
  { blocks, textOf, toJson }: Shown,
  { json, lost, target }: ShowOptions
) {
  const { stdout } = yield* Shell
  const { isText, saved } = target === undefined
    ? { isText: false, saved: [] }
    : yield* SaveOutput.save(target, blocks, json ? "" : textOf(() => true), lost)
  const isInFile = new Set(saved.map(({ block }) => block))
  const isOnStdout = target !== undefined && target.path === undefined && (isText || saved.length > 0)
  if (!isOnStdout && json) yield* writeResult(`${JSON.stringify(toJson(SaveOutput.named(blocks, saved)))}\n`, lost)
  else if (!isOnStdout && !isText) {
    const text = textOf((block) => !isInFile.has(block))
    if (text !== "") {
      yield* writeResult(`${stdout.isTerminal ? printable(text) : text}${text.endsWith("\n") ? "" : "\n"}`, lost)
    }
  }
  if (json) return
  const files = saved.filter(({ file }) => file !== "-")
  if (files.length > 0) {
    const what = files.map(({ block, file }) => `${printable(file)} ${printable(ModelView.wordsOf(block))}`).join(", ")
    yield* note(`holdfast: wrote ${what}\n`)
  }
  const named = blocks.filter((block) => !ModelView.isReadable(block) && !isInFile.has(block))
  if (named.length > 0) {
    const what = named.map((block) => printable(ModelView.wordsOf(block))).join(", ")
    yield* note(`holdfast: named only: ${what}; -o FILE writes it, --json has everything\n`)
  }
})
