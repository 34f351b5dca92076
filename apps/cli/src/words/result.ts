/** Flags of the words that print a result. */
import * as Flag from "effect/cli/Flag"

export const output = Flag.String("output").pipe(
  Flag.withAlias("o"),
  Flag.withMetavar("file"),
  Flag.withDescription("What is no text (images, audio, blobs) goes here as bytes; several are numbered; - is stdout"),
  Flag.optional
)

export const rootFolder = Flag.String("root").pipe(
  Flag.withMetavar("folder"),
  Flag.withDescription("Tell the server that it may work in this folder (roots). May be repeated; default: none"),
  Flag.atLeast(0)
)
