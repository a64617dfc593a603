# A web app on Rack, signed in to by OmniAuth's strategy for OpenID Connect.
require "json"
require "omniauth_openid_connect"
require "rack"
require "rack/handler/webrick"
require "rack/protection"

settings = JSON.parse(ENV.fetch("SETTINGS"))
SWD.url_builder = URI::HTTP if settings["issuer"].start_with?("http:") # the provider under test is on this machine

app = Rack::Builder.new do
  use Rack::Session::Cookie, secret: "only for this test, and long enough to be a secret of a session cookie's", key: "omniauth"
  use Rack::Protection::AuthenticityToken
  use OmniAuth::Builder do
    provider :openid_connect,
      name: :postern,
      issuer: settings["issuer"],
      discovery: true,
      scope: %i[openid email],
      uid_field: "sub",
      client_auth_method: :basic,
      post_logout_redirect_uri: "#{settings["origin"]}/",
      client_options: {
        identifier: settings["clientId"],
        secret: settings["secret"],
        redirect_uri: "#{settings["origin"]}/auth/postern/callback"
      }
  end
  run(lambda do |env|
    request = Rack::Request.new(env)
    case request.path
    when "/login"
      token = Rack::Protection::AuthenticityToken.token(env["rack.session"])
      form = %(<form method="post" action="/auth/postern"><input type="hidden" name="authenticity_token" value="#{token}"><button>Sign in</button></form>)
      [200, { "Content-Type" => "text/html" }, [form]]
    when "/auth/postern/callback"
      told = env["omniauth.auth"]
      claims = told.extra.raw_info.merge(iss: settings["issuer"], sub: told.uid)
      env["rack.session"]["told"] = { claims: claims, userinfo: told.extra.raw_info, rotated: true }
      [303, { "Location" => "/" }, []]
    when "/auth/failure"
      [400, { "Content-Type" => "text/plain" }, [request.params["message"].to_s]]
    else
      [200, { "Content-Type" => "application/json" }, [JSON.generate(env["rack.session"]["told"] || { signedOut: true })]]
    end
  end)
end

port = URI(settings["origin"]).port
ready = -> { puts "ready #{settings["origin"]}"; $stdout.flush }
Rack::Handler::WEBrick.run(app.to_app, Host: "127.0.0.1", Port: port, AccessLog: [], StartCallback: ready)
