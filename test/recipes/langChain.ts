/** From LangChain's `MultiServerMCPClient`: the same tools, over the pool. */
import { openMcp } from "@holdfast/mcp/promise"
import { tool } from "@langchain/core/tools"

export const open = async (configFile: string) => {
  const mcp = await openMcp(configFile)
  const { tools, unavailable } = await mcp.tools({ within: "1 minute" })
  for (const { error } of unavailable) console.warn(error.message)
  return {
    tools: tools.map(({ call, description = "", inputSchema: schema, name }) =>
      tool(async (input: Record<string, unknown>) => (await call(input)).text, { name, description, schema })
    ),
    close: () => mcp.close()
  }
}
