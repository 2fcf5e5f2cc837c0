// The document is open to all; the key that "Authorize" asks for goes with every call that is tried.
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null });
