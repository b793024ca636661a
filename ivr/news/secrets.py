"""What is needed to tell outside and stands in no file of the business: it comes from the environment or `.env`."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class NewsSecrets(BaseSettings):
    """IVR_SMTP_USER and IVR_SMTP_PASSWORD (where the mail server asks for them), IVR_WEBHOOK_SECRET."""

    model_config = SettingsConfigDict(env_prefix="IVR_", env_file=".env", extra="ignore")

    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    webhook_secret: SecretStr = SecretStr("")
