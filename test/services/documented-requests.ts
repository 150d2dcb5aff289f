/**
 * One request for each service, written from what its own documentation shows, and not from our templates: the URL, and where the key stands.
 * `$` is the key. `Basic user:$` is written before its base64.
 */
export interface DocumentedRequest {
  readonly service: string;
  /** What an operator sets. */
  readonly set: string;
  readonly url: string;
  /** A header line, `?name=$`, `/segment$` or `body`. */
  readonly key: string;
}

const requests = `
openai                 -                                https://api.openai.com/v1/models                                Authorization: Bearer $
anthropic              -                                https://api.anthropic.com/v1/messages                           x-api-key: $
google-gemini          -                                https://generativelanguage.googleapis.com/v1beta/models         x-goog-api-key: $
mistral                -                                https://api.mistral.ai/v1/chat/completions                      Authorization: Bearer $
groq                   -                                https://api.groq.com/openai/v1/models                           Authorization: Bearer $
cohere                 -                                https://api.cohere.com/v2/chat                                  Authorization: Bearer $
deepseek               -                                https://api.deepseek.com/chat/completions                       Authorization: Bearer $
xai                    -                                https://api.x.ai/v1/chat/completions                            Authorization: Bearer $
openrouter             -                                https://openrouter.ai/api/v1/chat/completions                   Authorization: Bearer $
together               -                                https://api.together.xyz/v1/chat/completions                    Authorization: Bearer $
fireworks              -                                https://api.fireworks.ai/inference/v1/chat/completions          Authorization: Bearer $
perplexity             -                                https://api.perplexity.ai/chat/completions                      Authorization: Bearer $
replicate              -                                https://api.replicate.com/v1/predictions                        Authorization: Bearer $
hugging-face           -                                https://router.huggingface.co/v1/chat/completions               Authorization: Bearer $
elevenlabs             -                                https://api.elevenlabs.io/v1/models                             xi-api-key: $
deepgram               -                                https://api.deepgram.com/v1/listen                              Authorization: Token $
assemblyai             -                                https://api.assemblyai.com/v2/transcript                        Authorization: $
stability              -                                https://api.stability.ai/v2beta/stable-image/generate/core      Authorization: Bearer $
azure-openai           resource=acme                    https://acme.openai.azure.com/openai/v1/chat/completions        api-key: $
amazon-bedrock         region=us-east-1                 https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse  Authorization: Bearer $
voyage                 -                                https://api.voyageai.com/v1/embeddings                          Authorization: Bearer $
jina                   -                                https://api.jina.ai/v1/embeddings                               Authorization: Bearer $
cerebras               -                                https://api.cerebras.ai/v1/chat/completions                     Authorization: Bearer $
nvidia                 -                                https://integrate.api.nvidia.com/v1/chat/completions            Authorization: Bearer $
ai21                   -                                https://api.ai21.com/studio/v1/chat/completions                 Authorization: Bearer $
moonshot               -                                https://api.moonshot.ai/v1/chat/completions                     Authorization: Bearer $
fal                    -                                https://queue.fal.run/fal-ai/flux/dev                           Authorization: Key $
runway                 -                                https://api.dev.runwayml.com/v1/image_to_video                  Authorization: Bearer $
github                 -                                https://api.github.com/user                                     Authorization: Bearer $
github-git             -                                https://github.com/acme/app.git/info/refs?service=git-upload-pack  Authorization: Basic x-access-token:$
gitlab                 -                                https://gitlab.com/api/v4/projects                              PRIVATE-TOKEN: $
bitbucket              email=dev@example.com            https://api.bitbucket.org/2.0/user                              Authorization: Basic dev@example.com:$
gitea                  host=git.example.com             https://git.example.com/api/v1/user                             Authorization: token $
npm                    -                                https://registry.npmjs.org/-/whoami                             Authorization: Bearer $
circleci               -                                https://circleci.com/api/v2/me                                  Circle-Token: $
buildkite              -                                https://api.buildkite.com/v2/organizations                      Authorization: Bearer $
slack                  -                                https://slack.com/api/chat.postMessage                          Authorization: Bearer $
discord                -                                https://discord.com/api/v10/users/@me                           Authorization: Bot $
telegram               -                                https://api.telegram.org/getMe                                  /bot$
microsoft-graph        -                                https://graph.microsoft.com/v1.0/me                             Authorization: Bearer $
twilio                 account_sid=AC01                 https://api.twilio.com/2010-04-01/Accounts/AC01/Messages.json   Authorization: Basic AC01:$
whatsapp               -                                https://graph.facebook.com/v23.0/1234/messages                  Authorization: Bearer $
line                   -                                https://api.line.me/v2/bot/message/push                         Authorization: Bearer $
zoom                   -                                https://api.zoom.us/v2/users/me                                 Authorization: Bearer $
webex                  -                                https://webexapis.com/v1/people/me                              Authorization: Bearer $
sendgrid               -                                https://api.sendgrid.com/v3/mail/send                           Authorization: Bearer $
mailgun                -                                https://api.mailgun.net/v3/mg.example.com/messages              Authorization: Basic api:$
postmark               -                                https://api.postmarkapp.com/email                               X-Postmark-Server-Token: $
resend                 -                                https://api.resend.com/emails                                   Authorization: Bearer $
mailchimp              server=us21                      https://us21.api.mailchimp.com/3.0/lists                        Authorization: Basic anystring:$
mandrill               -                                https://mandrillapp.com/api/1.0/users/ping                      body
brevo                  -                                https://api.brevo.com/v3/smtp/email                             api-key: $
mailersend             -                                https://api.mailersend.com/v1/email                             Authorization: Bearer $
sparkpost              -                                https://api.sparkpost.com/api/v1/transmissions                  Authorization: $
hubspot                -                                https://api.hubapi.com/crm/v3/objects/contacts                  Authorization: Bearer $
salesforce             domain=acme                      https://acme.my.salesforce.com/services/data/v62.0/sobjects     Authorization: Bearer $
zendesk                subdomain=acme,email=a@b.c       https://acme.zendesk.com/api/v2/tickets.json                    Authorization: Basic a@b.c/token:$
intercom               -                                https://api.intercom.io/contacts                                Authorization: Bearer $
freshdesk              subdomain=acme                   https://acme.freshdesk.com/api/v2/tickets                       Authorization: Basic $:X
pipedrive              company=acme                     https://acme.pipedrive.com/api/v2/deals                         x-api-token: $
front                  -                                https://api2.frontapp.com/me                                    Authorization: Bearer $
attio                  -                                https://api.attio.com/v2/objects                                Authorization: Bearer $
close                  -                                https://api.close.com/api/v1/me/                                Authorization: Basic $:
zoho-crm               -                                https://www.zohoapis.com/crm/v7/Leads                           Authorization: Zoho-oauthtoken $
help-scout             -                                https://api.helpscout.net/v2/conversations                      Authorization: Bearer $
gorgias                subdomain=acme,email=a@b.c       https://acme.gorgias.com/api/tickets                            Authorization: Basic a@b.c:$
servicenow             instance=acme,user=agent         https://acme.service-now.com/api/now/table/incident             Authorization: Basic agent:$
stripe                 -                                https://api.stripe.com/v1/charges                               Authorization: Bearer $
square                 -                                https://connect.squareup.com/v2/locations                       Authorization: Bearer $
adyen                  prefix=1797a841fbb37ca7-acme     https://1797a841fbb37ca7-acme-checkout-live.adyenpayments.com/checkout/v71/payments  X-API-Key: $
adyen-test             -                                https://checkout-test.adyen.com/v71/payments                    X-API-Key: $
paypal                 -                                https://api-m.paypal.com/v2/checkout/orders                     Authorization: Bearer $
paddle                 -                                https://api.paddle.com/products                                 Authorization: Bearer $
lemon-squeezy          -                                https://api.lemonsqueezy.com/v1/stores                          Authorization: Bearer $
razorpay               key_id=rzp_live_1                https://api.razorpay.com/v1/payments                            Authorization: Basic rzp_live_1:$
mollie                 -                                https://api.mollie.com/v2/payments                              Authorization: Bearer $
chargebee              site=acme                        https://acme.chargebee.com/api/v2/customers                     Authorization: Basic $:
plaid                  -                                https://production.plaid.com/accounts/get                       PLAID-SECRET: $
wise                   -                                https://api.wise.com/v2/profiles                                Authorization: Bearer $
linear                 -                                https://api.linear.app/graphql                                  Authorization: $
jira                   site=acme,email=a@b.c            https://acme.atlassian.net/rest/api/3/myself                    Authorization: Basic a@b.c:$
confluence             site=acme,email=a@b.c            https://acme.atlassian.net/wiki/rest/api/space                  Authorization: Basic a@b.c:$
asana                  -                                https://app.asana.com/api/1.0/users/me                          Authorization: Bearer $
notion                 -                                https://api.notion.com/v1/users                                 Authorization: Bearer $
airtable               -                                https://api.airtable.com/v0/appX/Table                          Authorization: Bearer $
clickup                -                                https://api.clickup.com/api/v2/team                             Authorization: $
trello                 -                                https://api.trello.com/1/members/me/boards?key=appkey           ?token=$
monday                 -                                https://api.monday.com/v2                                       Authorization: $
figma                  -                                https://api.figma.com/v1/me                                     X-Figma-Token: $
todoist                -                                https://api.todoist.com/api/v1/projects                         Authorization: Bearer $
shortcut               -                                https://api.app.shortcut.com/api/v3/projects                    Shortcut-Token: $
coda                   -                                https://coda.io/apis/v1/docs                                    Authorization: Bearer $
smartsheet             -                                https://api.smartsheet.com/2.0/sheets                           Authorization: Bearer $
brave-search           -                                https://api.search.brave.com/res/v1/web/search?q=x              X-Subscription-Token: $
serpapi                -                                https://serpapi.com/search.json?engine=google&q=x               ?api_key=$
serper                 -                                https://google.serper.dev/search                                X-API-KEY: $
tavily                 -                                https://api.tavily.com/search                                   Authorization: Bearer $
exa                    -                                https://api.exa.ai/search                                       x-api-key: $
google-custom-search   -                                https://www.googleapis.com/customsearch/v1?cx=c&q=x             ?key=$
firecrawl              -                                https://api.firecrawl.dev/v2/scrape                             Authorization: Bearer $
apify                  -                                https://api.apify.com/v2/acts                                   Authorization: Bearer $
scrapingbee            -                                https://app.scrapingbee.com/api/v1?url=x                        ?api_key=$
browserbase            -                                https://api.browserbase.com/v1/sessions                         X-BB-API-Key: $
kagi                   -                                https://kagi.com/api/v0/search?q=x                              Authorization: Bot $
newsapi                -                                https://newsapi.org/v2/top-headlines?country=us                 X-Api-Key: $
cloudflare             -                                https://api.cloudflare.com/client/v4/user/tokens/verify         Authorization: Bearer $
digitalocean           -                                https://api.digitalocean.com/v2/account                         Authorization: Bearer $
vercel                 -                                https://api.vercel.com/v9/projects                              Authorization: Bearer $
netlify                -                                https://api.netlify.com/api/v1/sites                            Authorization: Bearer $
fly                    -                                https://api.machines.dev/v1/apps                                Authorization: Bearer $
heroku                 -                                https://api.heroku.com/account                                  Authorization: Bearer $
hetzner                -                                https://api.hetzner.cloud/v1/servers                            Authorization: Bearer $
linode                 -                                https://api.linode.com/v4/linode/instances                      Authorization: Bearer $
vultr                  -                                https://api.vultr.com/v2/account                                Authorization: Bearer $
render                 -                                https://api.render.com/v1/services                              Authorization: Bearer $
railway                -                                https://backboard.railway.com/graphql/v2                        Authorization: Bearer $
hcp-terraform          -                                https://app.terraform.io/api/v2/account/details                 Authorization: Bearer $
pulumi                 -                                https://api.pulumi.com/api/user                                 Authorization: token $
tailscale              -                                https://api.tailscale.com/api/v2/tailnet/-/devices              Authorization: Bearer $
google-cloud           -                                https://gmail.googleapis.com/gmail/v1/users/me/messages         Authorization: Bearer $
azure                  -                                https://management.azure.com/subscriptions?api-version=2022-12-01  Authorization: Bearer $
pinecone               environment=aped-4627-b74a       https://docs-1234.svc.aped-4627-b74a.pinecone.io/query          Api-Key: $
qdrant                 host=x.cloud.qdrant.io           https://x.cloud.qdrant.io:6333/collections                      api-key: $
weaviate               host=x.weaviate.cloud            https://x.weaviate.cloud/v1/meta                                Authorization: Bearer $
supabase               project=abcdefgh                 https://abcdefgh.supabase.co/rest/v1/todos                      apikey: $
supabase-management    -                                https://api.supabase.com/v1/projects                            Authorization: Bearer $
snowflake              account=acme-prod                https://acme-prod.snowflakecomputing.com/api/v2/statements      Authorization: Bearer $
databricks             host=dbc-1.cloud.databricks.com  https://dbc-1.cloud.databricks.com/api/2.0/clusters/list        Authorization: Bearer $
mongodb-atlas          -                                https://cloud.mongodb.com/api/atlas/v2/groups                   Authorization: Bearer $
algolia                application_id=latency           https://latency-dsn.algolia.net/1/indexes/i/query               X-Algolia-API-Key: $
neon                   -                                https://console.neon.tech/api/v2/projects                       Authorization: Bearer $
planetscale            token_id=tid                     https://api.planetscale.com/v1/organizations                    Authorization: tid:$
upstash-redis          database=usw1-cat                https://usw1-cat.upstash.io/get/foo                             Authorization: Bearer $
elasticsearch          host=x.elastic.cloud             https://x.elastic.cloud/_cluster/health                         Authorization: ApiKey $
turso                  -                                https://api.turso.tech/v1/organizations                         Authorization: Bearer $
meilisearch            host=x.meilisearch.io            https://x.meilisearch.io/indexes                                Authorization: Bearer $
typesense              host=x.typesense.net             https://x.typesense.net/collections                             X-TYPESENSE-API-KEY: $
datadog                -                                https://api.datadoghq.com/api/v2/users                          Authorization: Bearer $
datadog-intake         site=datadoghq.eu                https://api.datadoghq.eu/api/v2/series                          DD-API-KEY: $
sentry                 -                                https://sentry.io/api/0/projects/                               Authorization: Bearer $
grafana                host=acme.grafana.net            https://acme.grafana.net/api/dashboards/home                    Authorization: Bearer $
new-relic              -                                https://api.newrelic.com/graphql                                Api-Key: $
pagerduty              -                                https://api.pagerduty.com/incidents                             Authorization: Token token=$
honeycomb              -                                https://api.honeycomb.io/1/auth                                 X-Honeycomb-Team: $
better-stack           -                                https://uptime.betterstack.com/api/v2/monitors                  Authorization: Bearer $
statuspage             -                                https://api.statuspage.io/v1/pages                              Authorization: OAuth $
langsmith              -                                https://api.smith.langchain.com/api/v1/sessions                 x-api-key: $
langfuse               public_key=pk-lf-1               https://cloud.langfuse.com/api/public/traces                    Authorization: Basic pk-lf-1:$
incident-io            -                                https://api.incident.io/v2/incidents                            Authorization: Bearer $
axiom                  -                                https://api.axiom.co/v2/datasets                                Authorization: Bearer $
posthog                -                                https://us.posthog.com/api/projects/                            Authorization: Bearer $
launchdarkly           -                                https://app.launchdarkly.com/api/v2/projects                    Authorization: $
google-maps            -                                https://maps.googleapis.com/maps/api/geocode/json?address=x     ?key=$
google-places          -                                https://places.googleapis.com/v1/places:searchText              X-Goog-Api-Key: $
mapbox                 -                                https://api.mapbox.com/search/geocode/v6/forward?q=x            ?access_token=$
openweather            -                                https://api.openweathermap.org/data/2.5/weather?q=London        ?appid=$
nasa                   -                                https://api.nasa.gov/planetary/apod                             ?api_key=$
wolfram-alpha          -                                https://api.wolframalpha.com/v2/query?input=pi                  ?appid=$
alpha-vantage          -                                https://www.alphavantage.co/query?function=OVERVIEW&symbol=IBM  ?apikey=$
finnhub                -                                https://finnhub.io/api/v1/quote?symbol=AAPL                     ?token=$
deepl                  -                                https://api-free.deepl.com/v2/translate                         Authorization: DeepL-Auth-Key $
shopify                shop=acme                        https://acme.myshopify.com/admin/api/2025-01/products.json      X-Shopify-Access-Token: $
woocommerce            host=shop.example.com,consumer_key=ck_1  https://shop.example.com/wp-json/wc/v3/orders           Authorization: Basic ck_1:$
dropbox                -                                https://api.dropboxapi.com/2/users/get_current_account          Authorization: Bearer $
box                    -                                https://api.box.com/2.0/users/me                                Authorization: Bearer $
contentful             -                                https://api.contentful.com/spaces                               Authorization: Bearer $
calendly               -                                https://api.calendly.com/users/me                               Authorization: Bearer $
cal-com                -                                https://api.cal.com/v2/me                                       Authorization: Bearer $
typeform               -                                https://api.typeform.com/forms                                  Authorization: Bearer $
n8n                    host=acme.app.n8n.cloud          https://acme.app.n8n.cloud/api/v1/workflows                     X-N8N-API-KEY: $
make                   zone=eu1                         https://eu1.make.com/api/v2/scenarios                           Authorization: Token $
x                      -                                https://api.x.com/2/tweets/search/recent?query=x                Authorization: Bearer $
reddit                 -                                https://oauth.reddit.com/api/v1/me                              Authorization: Bearer $
youtube                -                                https://www.googleapis.com/youtube/v3/videos?part=id            ?key=$
spotify                -                                https://api.spotify.com/v1/search?q=x                           Authorization: Bearer $
unsplash               -                                https://api.unsplash.com/photos                                 Authorization: Client-ID $
pexels                 -                                https://api.pexels.com/v1/search?query=x                        Authorization: $
`;

/** Where an SDK goes when nobody says otherwise, and the variable by which its documentation lets one say otherwise. */
export interface DocumentedBaseUrl {
  readonly service: string;
  readonly set: string;
  readonly variable: string;
  readonly url: string;
}

const baseUrls = `
openai          -                                OPENAI_BASE_URL                   https://api.openai.com/v1
anthropic       -                                ANTHROPIC_BASE_URL                https://api.anthropic.com
google-gemini   -                                GOOGLE_GEMINI_BASE_URL            https://generativelanguage.googleapis.com
groq            -                                GROQ_BASE_URL                     https://api.groq.com
cohere          -                                CO_API_URL                        https://api.cohere.com
openrouter      -                                OPENROUTER_BASE_URL               https://openrouter.ai/api/v1
together        -                                TOGETHER_BASE_URL                 https://api.together.xyz/v1
hugging-face    -                                HF_ENDPOINT                       https://huggingface.co
azure-openai    resource=acme                    AZURE_OPENAI_ENDPOINT             https://acme.openai.azure.com
amazon-bedrock  region=us-east-1                 AWS_ENDPOINT_URL_BEDROCK_RUNTIME  https://bedrock-runtime.us-east-1.amazonaws.com
cerebras        -                                CEREBRAS_BASE_URL                 https://api.cerebras.ai
resend          -                                RESEND_BASE_URL                   https://api.resend.com
airtable        -                                AIRTABLE_ENDPOINT_URL             https://api.airtable.com
firecrawl       -                                FIRECRAWL_API_URL                 https://api.firecrawl.dev
cloudflare      -                                CLOUDFLARE_BASE_URL               https://api.cloudflare.com/client/v4
hetzner         -                                HCLOUD_ENDPOINT                   https://api.hetzner.cloud/v1
qdrant          host=x.cloud.qdrant.io           QDRANT_URL                        https://x.cloud.qdrant.io:6333
weaviate        host=x.weaviate.cloud            WEAVIATE_URL                      https://x.weaviate.cloud
supabase        project=abcdefgh                 SUPABASE_URL                      https://abcdefgh.supabase.co
databricks      host=dbc-1.cloud.databricks.com  DATABRICKS_HOST                   https://dbc-1.cloud.databricks.com
upstash-redis   database=usw1-cat                UPSTASH_REDIS_REST_URL            https://usw1-cat.upstash.io
meilisearch     host=x.meilisearch.io            MEILISEARCH_URL                   https://x.meilisearch.io
grafana         host=acme.grafana.net            GRAFANA_URL                       https://acme.grafana.net
langsmith       -                                LANGSMITH_ENDPOINT                https://api.smith.langchain.com
langfuse        public_key=pk-lf-1               LANGFUSE_HOST                     https://cloud.langfuse.com
axiom           -                                AXIOM_URL                         https://api.axiom.co
`;

export const documentedRequests: readonly DocumentedRequest[] = cellsOf(requests).map(([service = '', set = '', url = '', ...key]) => ({
  service,
  set,
  url,
  key: key.join(' '),
}));

export const documentedBaseUrls: readonly DocumentedBaseUrl[] = cellsOf(baseUrls).map(
  ([service = '', set = '', variable = '', url = '']) => ({ service, set, variable, url }),
);

function cellsOf(table: string): readonly (readonly string[])[] {
  return table
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/).map((cell) => (cell === '-' ? '' : cell)));
}
