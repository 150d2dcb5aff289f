import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;

/** The steps of steps.mjs, for java.net.http: see there. */
public class JavaClient {
    private static final HttpClient client = HttpClient.newHttpClient();

    public static void main(String[] args) {
        call("call", System.getenv("GRANTED_URL"));
        call("refused", System.getenv("UNGRANTED_URL"));
        stream(System.getenv("GRANTED_URL"));
        System.exit(0);
    }

    private static void call(String step, String base) {
        try {
            HttpResponse<String> answer = client.send(get(base + "/v1/thing"), BodyHandlers.ofString());
            String code = answer.headers().firstValue("x-leasehold-error").orElse("");
            System.out.println(answer.body());
            System.out.printf("{\"step\":\"%s\",\"status\":%d,\"code\":\"%s\"}%n", step, answer.statusCode(), code);
        } catch (Exception error) {
            System.out.println(error);
            System.out.printf("{\"step\":\"%s\",\"error\":\"%s\"}%n", step, error.getClass().getName());
        }
    }

    private static void stream(String base) {
        try (InputStream body = client.send(get(base + "/stream"), BodyHandlers.ofInputStream()).body()) {
            if (body.read() != -1) System.out.println("{\"step\":\"receiving\"}");
            while (body.read() != -1) { }
            System.out.println("{\"step\":\"over\",\"how\":\"ended\"}");
        } catch (Exception error) {
            System.out.println(error);
            System.out.printf("{\"step\":\"over\",\"how\":\"cut\",\"error\":\"%s\"}%n", error.getClass().getName());
        }
    }

    private static HttpRequest get(String url) {
        return HttpRequest.newBuilder(URI.create(url)).build();
    }
}
