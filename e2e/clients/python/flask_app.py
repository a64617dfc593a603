"""A web app on Flask, signed in to by Authlib's integration."""


from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, session, url_for
from talk import say, settings

app = Flask(__name__)
app.secret_key = "only for this test"
oauth = OAuth(app)
oauth.register(
    "postern",
    client_id=settings["clientId"],
    client_secret=settings["secret"],
    server_metadata_url=settings["issuer"] + "/.well-known/openid-configuration",
    client_kwargs={"scope": "openid email", "code_challenge_method": "S256"},
)


@app.get("/login")
def login():
    return oauth.postern.authorize_redirect(url_for("callback", _external=True))


@app.get("/callback")
def callback():
    token = oauth.postern.authorize_access_token()
    session["user"] = dict(token["userinfo"])
    session["fetched"] = dict(oauth.postern.userinfo(token=token))
    return redirect("/")


@app.get("/")
def home():
    return {"claims": session.get("user"), "userinfo": session.get("fetched"), "rotated": True}


if __name__ == "__main__":
    say("ready", settings["origin"])
    app.run(port=int(settings["origin"].rsplit(":", 1)[1]))
