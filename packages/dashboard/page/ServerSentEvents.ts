/** Reads server-sent events as they come: plain text in pieces, events out. */

/** One event. */
export interface SentEvent {
  readonly name: string
  readonly data: string
}

/** Takes the pieces of one stream, in order. Gives the events that each piece completes. */
export const reader = (): (piece: string) => ReadonlyArray<SentEvent> => {
  let rest = ""
  return (piece) => {
    const blocks = (rest + piece).split("\n\n")
    rest = blocks.pop() ?? ""
    return blocks.flatMap((block) => {
      let name = "message"
      const data: Array<string> = []
      for (const line of block.split("\n")) {
        if (line.startsWith("event: ")) name = line.slice("event: ".length)
        else if (line.startsWith("data: ")) data.push(line.slice("data: ".length))
      }
      return data.length === 0 ? [] : [{ name, data: data.join("\n") }]
    })
  }
}
