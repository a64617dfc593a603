package shop;

import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.oauth2.client.oidc.web.logout.OidcClientInitiatedLogoutSuccessHandler;
import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;
import org.springframework.security.web.SecurityFilterChain;

@Configuration
class Security {
  @Bean
  SecurityFilterChain filters(HttpSecurity http, ClientRegistrationRepository clients) throws Exception {
    var signedOut = new OidcClientInitiatedLogoutSuccessHandler(clients);
    signedOut.setPostLogoutRedirectUri("{baseUrl}/bye");
    return http
        .authorizeHttpRequests(all -> all.requestMatchers("/bye").permitAll().anyRequest().authenticated())
        .oauth2Login(Customizer.withDefaults())
        .oidcLogout(logout -> logout.backChannel(Customizer.withDefaults()))
        .logout(logout -> logout.logoutSuccessHandler(signedOut))
        .build();
  }
}
