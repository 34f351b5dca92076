import { type Mcp, McpRuntimeError, openMcp, type Tool } from "@holdfast/mcp/promise"
import { createInterface } from "node:readline"
import { type Message, model } from "./model.ts"

/** Asks the model, calls what it wants to have called, and goes on until the model has something to say. */
const answer = async (mcp: Mcp, tools: ReadonlyArray<Tool>, question: string): Promise<string> => {
  const messages: Array<Message> = [{ role: "user", text: question }]
  for (;;) {
    const turn = await model(messages, tools)
    if ("say" in turn) return turn.say
    try {
      const { isError, text } = await mcp.call(turn.call, turn.input, { deadline: "30 seconds" })
      messages.push({ role: "tool", text, isError })
    } catch (error) {
      // Its message says what failed, on which server, why, and what to do: the model is given it.
      if (!(error instanceof McpRuntimeError)) throw error
      messages.push({ role: "tool", text: error.message, isError: true })
    }
  }
}

const mcp = await openMcp("mcp.json")
const { tools, unavailable } = await mcp.tools({ within: "1 minute" })
for (const { error } of unavailable) console.error(error.message)
console.log(`${tools.length} tools. Ask about a file.`)
for await (const question of createInterface({ input: process.stdin })) {
  console.log(await answer(mcp, tools, question))
}
await mcp.close()
