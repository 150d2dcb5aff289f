/**
 * Where the place of the key was seen when documented-requests.ts was compared with what providers publish, on 2026-11-26: a page of the provider's or a
 * file of its repository (https:), or its own package (npm:, pypi:). A service that is missing here was written from its documentation, and not
 * compared again.
 */
const seen = `
openai                npm:openai@6.49.0
anthropic             npm:@anthropic-ai/sdk@1.14.0
google-gemini         npm:@google/genai@2.32.0
mistral               npm:@mistralai/mistralai@2.7.0
groq                  npm:groq-sdk@1.6.0
cohere                npm:cohere-ai@8.1.0
deepseek              https://api-docs.deepseek.com/api_samples/chat_curl
xai                   pypi:xai-sdk@1.21.0
openrouter            npm:@openrouter/sdk@1.3.19
together              npm:together-ai@0.52.0
fireworks             pypi:fireworks-ai@1.2.30
perplexity            npm:@perplexity-ai/perplexity_ai@0.38.5
replicate             npm:replicate@1.4.0
hugging-face          npm:@huggingface/inference@4.13.30
elevenlabs            npm:@elevenlabs/elevenlabs-js@2.73.0
deepgram              npm:@deepgram/sdk@5.13.0
assemblyai            npm:assemblyai@4.41.5
azure-openai          npm:openai@6.49.0
amazon-bedrock        pypi:botocore@1.44.8
voyage                npm:voyageai@0.4.0
cerebras              npm:@cerebras/cerebras_cloud_sdk@1.91.0
nvidia                pypi:langchain-nvidia-ai-endpoints@1.5.0
ai21                  npm:ai21@1.1.0
fal                   npm:@fal-ai/client@1.10.1
runway                npm:@runwayml/sdk@4.20.1
github                https://docs.github.com/en/rest/quickstart?tool=curl
gitlab                https://github.com/gitlabhq/gitlabhq/blob/HEAD/doc/api/rest/authentication.md
gitea                 https://docs.gitea.com/1.27/development/api-usage
npm                   npm:npm-registry-fetch@19.1.1
circleci              npm:@circleci/mcp-server-circleci@0.20.0
buildkite             https://buildkite.com/docs/apis
slack                 npm:@slack/web-api@8.2.0
telegram              https://core.telegram.org/bots/api
microsoft-graph       npm:@microsoft/microsoft-graph-client@3.0.7
twilio                npm:twilio@6.2.0
line                  npm:@line/bot-sdk@11.0.0
zoom                  npm:@zoom/rivet@0.4.0
sendgrid              npm:@sendgrid/client@8.1.6
postmark              npm:postmark@5.1.0
resend                npm:resend@6.38.0
mailchimp             npm:@mailchimp/mailchimp_marketing@3.0.80
mandrill              npm:@mailchimp/mailchimp_transactional@1.4.1
brevo                 npm:@getbrevo/brevo@6.0.3
mailersend            npm:mailersend@3.4.0
sparkpost             npm:sparkpost@2.1.4
hubspot               npm:@hubspot/api-client@13.5.0
salesforce            npm:@salesforce/core@8.32.6
zendesk               npm:@zendesk/zcli-core@2.0.0
intercom              npm:intercom-client@7.0.3
pipedrive             npm:pipedrive@33.7.0
zoho-crm              npm:@zohocrm/typescript-sdk-2.0@7.0.0
stripe                npm:stripe@23.1.0
square                npm:square@46.0.0
adyen                 npm:@adyen/api-library@32.1.0
adyen-test            npm:@adyen/api-library@32.1.0
paddle                npm:@paddle/paddle-node-sdk@3.10.0
lemon-squeezy         npm:@lemonsqueezy/lemonsqueezy.js@4.0.0
razorpay              npm:razorpay@2.9.8
mollie                npm:@mollie/api-client@4.6.0
chargebee             npm:chargebee@3.33.0
plaid                 npm:plaid@47.0.0
linear                npm:@linear/sdk@98.0.0
jira                  https://developer.atlassian.com/cloud/jira/software/basic-auth-for-rest-apis/
asana                 npm:asana@3.2.0
notion                npm:@notionhq/client@5.26.0
airtable              npm:airtable@0.12.2
monday                npm:@mondaydotcomorg/api@14.0.0
figma                 https://developers.figma.com/docs/rest-api/personal-access-tokens/
todoist               https://github.com/Doist/todoist-api-python/blob/HEAD/todoist_api_python/_core/http_headers.py
shortcut              https://github.com/useshortcut/shortcut-client-js/blob/HEAD/src/ShortcutClient.ts
coda                  https://github.com/coda/api-csharp-lib/blob/HEAD/src/IO.Swagger/Api/AccountApi.cs
smartsheet            https://github.com/smartsheet/smartsheet-python-sdk/blob/HEAD/smartsheet/smartsheet.py
brave-search          https://api.search.brave.com/app/documentation/web-search/request-headers
serpapi               https://github.com/serpapi/serpapi-python/blob/HEAD/serpapi/http.py
tavily                https://github.com/tavily-ai/tavily-python/blob/HEAD/tavily/tavily.py
exa                   https://github.com/exa-labs/exa-py/blob/HEAD/exa_py/api.py
google-custom-search  https://developers.google.com/custom-search/v1/using_rest
firecrawl             https://docs.firecrawl.dev/api-reference/v2-introduction
apify                 https://docs.apify.com/platform/integrations/api
scrapingbee           https://github.com/ScrapingBee/scrapingbee-python/blob/HEAD/scrapingbee/utils.py
browserbase           https://docs.browserbase.com/reference/api/create-a-session
kagi                  https://help.kagi.com/kagi/api/api-portal.html
newsapi               https://newsapi.org/docs/authentication
cloudflare            https://github.com/cloudflare/cloudflare-python/blob/HEAD/src/cloudflare/_client.py
digitalocean          https://docs.digitalocean.com/reference/api/create-personal-access-token/
vercel                https://vercel.com/docs/rest-api
netlify               https://docs.netlify.com/api
fly                   https://fly.io/docs/machines/api/working-with-machines-api/
heroku                https://devcenter.heroku.com/articles/platform-api-quickstart
hetzner               https://github.com/hetznercloud/hcloud-go/blob/HEAD/hcloud/client.go
linode                https://github.com/linode/linode_api4-python/blob/HEAD/linode_api4/linode_client.py
vultr                 https://docs.vultr.com/platform/other/api/enable-user-api-access
render                https://api-docs.render.com/reference/authentication
railway               https://github.com/railwayapp/docs/blob/HEAD/src/docs/guides/public-api.md
hcp-terraform         https://github.com/hashicorp/go-tfe/blob/HEAD/tfe.go
pulumi                https://www.pulumi.com/docs/reference/cloud-rest-api/api-basics/
tailscale             https://github.com/tailscale/tailscale/blob/HEAD/publicapi/readme.md
google-cloud          https://cloud.google.com/docs/authentication/rest
azure                 https://github.com/MicrosoftDocs/azure-docs/blob/HEAD/articles/azure-resource-manager/resource-manager-rest-api.md
pinecone              https://docs.pinecone.io/guides/get-started/authentication
qdrant                https://github.com/qdrant/landing_page/blob/HEAD/qdrant-landing/content/documentation/cloud/authentication.md
weaviate              https://github.com/weaviate/typescript-client/blob/HEAD/src/connection/http.ts
supabase              https://github.com/supabase/supabase/blob/HEAD/apps/docs/content/guides/api/quickstart.mdx
supabase-management   https://supabase.com/docs/reference/api/create-an-organization
snowflake             https://docs.snowflake.com/de/en/developer-guide/sql-api/authenticating
databricks            https://docs.databricks.com/sql/api/authentication.html
mongodb-atlas         https://www.mongodb.com/ja-jp/docs/api/doc/atlas-admin-api-v2/2023-11-15/
algolia               https://www.algolia.com/doc/rest-api/composition
neon                  https://api-docs.neon.tech/reference/authentication
planetscale           https://planetscale.com/docs/api/reference/service-tokens.md
upstash-redis         https://docs.upstash.com/redis/features/restapi
elasticsearch         npm:@elastic/transport@9.4.0
turso                 npm:@tursodatabase/api@2.0.5
meilisearch           npm:meilisearch@0.62.0
typesense             npm:typesense@3.1.0
datadog               npm:@datadog/datadog-api-client@1.64.0
datadog-intake        pypi:datadog@0.56.0
sentry                npm:@sentry/mcp-server@0.36.0
new-relic             npm:@newrelic/publish-sourcemap@5.1.4
pagerduty             npm:@pagerduty/pdjs@2.2.4
honeycomb             npm:libhoney@4.3.1
langsmith             npm:langsmith@0.12.0
langfuse              npm:@langfuse/core@5.11.1
axiom                 npm:@axiomhq/js@2.0.0
posthog               npm:posthog-node@5.70.0
launchdarkly          npm:launchdarkly-api@13.0.0
google-maps           npm:@googlemaps/google-maps-services-js@3.4.2
mapbox                npm:@mapbox/mapbox-sdk@0.16.2
deepl                 npm:deepl-node@1.28.0
shopify               npm:@shopify/admin-api-client@2.0.0
dropbox               npm:dropbox@10.34.0
box                   npm:box-node-sdk@10.12.0
contentful            npm:contentful-management@12.18.0
typeform              npm:@typeform/api-client@2.8.0
make                  npm:@makehq/sdk@1.6.10
x                     npm:@xdevplatform/xdk@0.6.6
spotify               npm:@spotify/web-api-ts-sdk@1.2.0
unsplash              npm:unsplash-js@8.0.1
pexels                npm:pexels@1.4.0
`;

/** Service → source. */
export const whereSeen: ReadonlyMap<string, string> = new Map(
  seen
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/))
    .map(([service = '', source = '']): [string, string] => [service, source]),
);
