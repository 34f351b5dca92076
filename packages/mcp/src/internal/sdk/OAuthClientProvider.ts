/** The SDK's interface of what obtains and keeps tokens. Here so that types which name nothing of Effect may name it. */
export type { OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js"
