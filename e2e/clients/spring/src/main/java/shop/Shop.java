package shop;

import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

@SpringBootApplication
@RestController
class Shop {
  @GetMapping("/")
  Map<String, Object> home(@AuthenticationPrincipal OidcUser person) {
    var token = person.getIdToken();
    var claims = Map.of("iss", token.getIssuer(), "sub", token.getSubject(), "email", token.getEmail(), "email_verified", token.getEmailVerified());
    return Map.of("claims", claims, "userinfo", person.getUserInfo().getClaims(), "rotated", true);
  }

  @GetMapping("/bye")
  Map<String, Object> bye() {
    return Map.of("signedOut", true);
  }

  public static void main(String[] args) {
    SpringApplication.run(Shop.class, args);
    System.out.println("ready to serve");
  }
}
