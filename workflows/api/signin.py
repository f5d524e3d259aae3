"""Tokens for clients: obtained with a password, refreshed, and ended."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth import authenticate
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from workflows import tokens
from workflows.api.authentication import CHALLENGE, as_refusal
from workflows.api.base import OurView
from workflows.api.serializers import Input, TextField
from workflows.api.throttling import Failures
from workflows.errors import BadToken

_TOKEN_LENGTH = 4096


class Credentials(Input):
    username = TextField(max_length=254)
    password = TextField(max_length=4096, trim_whitespace=False, style={"input_type": "password"})


class RefreshToken(Input):
    refresh = TextField(max_length=_TOKEN_LENGTH)


class AnyToken(Input):
    token = TextField(max_length=_TOKEN_LENGTH, help_text=gettext_lazy("An access or a refresh token."))


class TokenPair(serializers.Serializer[Any]):
    access = serializers.CharField(read_only=True)
    refresh = serializers.CharField(read_only=True)
    token_type = serializers.CharField(read_only=True, default="Bearer")
    expires_in = serializers.IntegerField(
        read_only=True, help_text=gettext_lazy("Seconds the access token is good for.")
    )


class TokenView(OurView):
    """What all three share: anybody may call, and they look at nothing but the body."""

    permission_classes = [AllowAny]
    throttle_scope = "sign-in"
    inputs: Mapping[str, type[Input]] = {}

    def get_authenticators(self) -> list[BaseAuthentication]:
        return []

    def get_authenticate_header(self, request: Request) -> str:
        # Without one a refusal would be answered 403.
        return CHALLENGE

    def get_serializer(self, *args: Any, **kwargs: Any) -> Input:
        # The browsable pages draw their forms with it.
        return self.inputs["post"](*args, **kwargs)

    def body(self) -> dict[str, Any]:
        serializer = self.inputs["post"](data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)


class ObtainView(TokenView):
    """A pair of tokens for a user's name and password."""

    inputs = {"post": Credentials}
    answers = {"post": {200: TokenPair}}

    def post(self, request: Request) -> Response:
        body = self.body()
        failures = Failures(request, body["username"])
        failures.check()
        user = authenticate(request._request, username=body["username"], password=body["password"])
        if user is None:
            failures.note()
            raise AuthenticationFailed(_("The name or the password is wrong; try again."), code="wrong_credentials")
        return _answer(tokens.sign_in(user))


class RefreshView(TokenView):
    """A new pair for a refresh token, which is good for this one use."""

    inputs = {"post": RefreshToken}
    answers = {"post": {200: TokenPair}}

    def post(self, request: Request) -> Response:
        body = self.body()
        with as_refusal():
            return _answer(tokens.refresh(body["refresh"]))


class RevokeView(TokenView):
    """Signs out: ends all tokens of the sign-in that this one belongs to. One that is not good any more is no error."""

    inputs = {"post": AnyToken}
    answers = {"post": {204: None}}

    def post(self, request: Request) -> Response:
        text = self.body()["token"]
        for use in (tokens.ACCESS, tokens.REFRESH):
            try:
                tokens.revoke(tokens.read(text, use=use))
            except BadToken:
                continue
        return Response(status=204)


def _answer(pair: tokens.Pair) -> Response:
    shown = {
        "access": pair.access,
        "refresh": pair.refresh,
        "token_type": "Bearer",
        "expires_in": pair.expires_in,
    }
    return Response(shown, headers={"Cache-Control": "no-store"})
